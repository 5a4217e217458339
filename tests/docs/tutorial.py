"""What the tutorial "Database Connection Setup" shows, noted from it once; and the map from it."""

import re
from collections.abc import Iterator

from tests.docs.pages import page

MAP = page("how-to/come-from-the-tutorial.md")

_NAMES = """
sqlmodel==0.0.22 | asyncpg==0.30.0 | psycopg2-binary==2.9.10 | python-dotenv==1.0.1
pip install sqlmodel asyncpg psycopg2-binary python-dotenv
postgresql://…?sslmode=require | postgresql+asyncpg://…?sslmode=require
.env.example | DATABASE_URL | DATABASE_ECHO | DATABASE_POOL_SIZE | DATABASE_MAX_OVERFLOW
DATABASE_POOL_TIMEOUT | DATABASE_POOL_RECYCLE
core/config/settings.py | settings | SettingsConfigDict | app_name | app_version | debug
database_url | database_echo | database_pool_size | database_max_overflow | database_pool_timeout
database_pool_recycle | database_pool_pre_ping | database_connect_retry_count
database_connect_retry_delay | jwt_secret_key | jwt_algorithm | jwt_access_token_expire_minutes
cors_origins | cors_allow_credentials | cors_allow_methods | cors_allow_headers
host | port | reload
engine | create_engine_with_config | create_async_engine | QueuePool | NullPool | future=True
server_settings | application_name | jit | command_timeout | timeout
init_engine | close_engine | test_connection | test_connection_with_retry | init_db | drop_db
SQLModel.metadata.create_all | SQLModel.metadata.drop_all
async_session_maker | expire_on_commit=False | autoflush=False | autocommit=False
get_session | get_session_context | Database engine not initialized | get_db_info | status
pool_size | checked_in_connections | checked_out_connections | overflow_connections
total_connections
lifespan | main:app | uvicorn.run("main:app", …) | logging.basicConfig
docs_url="/docs" | redoc_url="/redoc" | openapi_url="/openapi.json"
CORSMiddleware | auth.router | tasks.router | tags.router
session: AsyncSession = Depends(get_session) | user_id: str | @router.get("/") | @router.post("/")
list[TaskResponse] | TaskResponse | TaskCreate | TaskUpdate | User | Task | Tag | TaskTag
select | session.execute | session.add | session.flush | session.refresh | session.delete
session.commit | session.rollback | session.begin_nested | except Exception
integrity_error_handler | operational_error_handler | cleanup_old_tasks
Development Settings | Production Settings (Small App) | Production Settings (Large App)
Neon Serverless Specific
Connection timeout errors | Too many connections error | Neon database auto-pauses
Stale connections | Slow queries
"""

NAMES = re.split(r" \| |\n", _NAMES.strip())
"""Its names, in the order of the map."""

REQUESTS = (
    "GET /",
    "GET /health",
    "GET /health/db",
    "GET /health/ready",
    "GET /db/pool-status",
    "POST /api/{user_id}/tasks/",
    "GET /api/{user_id}/tasks/",
    "POST /api/{user_id}/tags/, again",
    "GET /api/{user_id}/tasks, the database down",
)
"""Its requests and those that take their place."""

URL = "postgresql://username:password@ep-xxx-xxx.region.aws.neon.tech/dbname?sslmode=require"

DOTENV = """\
# Neon PostgreSQL Connection
DATABASE_URL={url}

# Database Settings
DATABASE_ECHO=false  # Set to true to log SQL queries
DATABASE_POOL_SIZE=10  # Max connections in pool
DATABASE_MAX_OVERFLOW=20  # Additional connections if pool is full
DATABASE_POOL_TIMEOUT=30  # Seconds to wait for connection
DATABASE_POOL_RECYCLE=3600  # Recycle connections after 1 hour
"""

FIELDS = {
    "APP_NAME": "Todo API",
    "APP_VERSION": "1.0.0",
    "DEBUG": "false",
    "DATABASE_POOL_PRE_PING": "true",
    "DATABASE_CONNECT_RETRY_COUNT": "3",
    "DATABASE_CONNECT_RETRY_DELAY": "2",
    "JWT_ALGORITHM": "HS256",
    "CORS_ORIGINS": '["http://localhost:3000", "http://localhost:3001"]',
    "CORS_ALLOW_CREDENTIALS": "true",
    "CORS_ALLOW_METHODS": '["*"]',
    "CORS_ALLOW_HEADERS": '["*"]',
    "HOST": "0.0.0.0",  # noqa: S104 - the tutorial's own
    "RELOAD": "true",
}
"""The fields of its settings that have no line in its `.env`, as variables with its values."""


def code_in(cell: str) -> list[str]:
    """What a cell has in marks of code."""
    return re.findall(r"`([^`]+)`", cell)


def rows() -> Iterator[tuple[list[str], list[str]]]:
    """The code on both sides of each row of the map."""
    for line in MAP.text.splitlines():
        cells = line.split("|")[1:-1]
        if len(cells) == 3 and (there := code_in(cells[0])):
            yield there, code_in(cells[1])
