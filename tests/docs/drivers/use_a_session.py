"""Uses each route of the page on sessions, and what runs after the answer."""

from typing import Any

from fastapi.testclient import TestClient


async def use(page: dict[str, Any]) -> None:
    # The client has an event loop and a thread of its own, so this may be a coroutine.
    with TestClient(page["app"], raise_server_exceptions=False) as client:
        assert client.put("/seats/7", params={"guest": "Grace"}).status_code == 201
        assert client.put("/seats/7", params={"guest": "Alan"}).status_code == 409
        assert client.get("/seats/7").json()["guest"] == "Grace"
        assert client.get("/guests/count").json() == client.get("/guests/audited").json() == 2
        assert client.get("/seats.csv").text == "1,Ada\n7,Grace\n"
        with client.websocket_connect("/live") as socket:
            socket.send_text("1")
            assert socket.receive_text() == "Ada"
            socket.send_text("2")
            assert socket.receive_text() == "free"
        assert client.post("/seats/7/release").status_code == 202
        assert client.get("/seats/7").json() is None
        next_seat = client.post("/seats", params={"guest": "Edsger"})
        assert (next_seat.status_code, next_seat.json()["number"]) == (201, 2)
    async with page["database"] as database, database.reader() as reader:
        assert await page["guest_of"](reader, 1) == "Ada"
        assert await page["guest_of"](reader, 7) is None
