"""Asks the synchronous routes, and the probes next to them."""

from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from wellhead import Fault, classify
from wellhead.fastapi import PROBLEM_JSON


async def use(page: dict[str, Any]) -> None:
    wrong = page["url"].sqlalchemy_url().set(password="wrong")
    fault = None
    try:
        create_engine(wrong, connect_args=without_password(page["url"])).connect()
    except OperationalError as error:
        fault = classify(error).fault
    assert fault is Fault.AUTHENTICATION
    with TestClient(page["app"]) as client:
        assert client.post("/guests", params={"name": "Grace"}).status_code == 201
        again = client.post("/guests", params={"name": "Grace"})
        assert (again.status_code, again.headers["content-type"]) == (409, PROBLEM_JSON)
        assert again.json()["type"] == "urn:wellhead:unique"
        assert client.get("/guests").json() == [{"name": "Ada"}, {"name": "Grace"}]
        # A COMMIT that fails is no 201.
        with page["engine"].begin() as connection:
            connection.execute(text("CREATE TABLE invited (name text PRIMARY KEY)"))
            connection.execute(text("INSERT INTO invited VALUES ('Ada'), ('Grace')"))
            connection.execute(
                text(
                    "ALTER TABLE guest ADD FOREIGN KEY (name) REFERENCES invited "
                    "DEFERRABLE INITIALLY DEFERRED"
                )
            )
        assert client.post("/guests", params={"name": "Eve"}).status_code == 409
        with page["engine"].connect() as connection:
            assert connection.scalar(text("SHOW statement_timeout")) == "1min"
        assert client.get("/health/db").json()["status"] == "healthy"
    page["engine"].dispose()


def without_password(url: Any) -> dict[str, Any]:
    return {name: value for name, value in url.connect_args().items() if name != "password"}
