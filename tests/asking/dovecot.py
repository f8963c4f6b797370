"""Dovecot on loopback, with a configuration to be thrown away: POP3 and IMAP, plain, STARTTLS and TLS.

Debian's packages dovecot-imapd and dovecot-pop3d. As root it delivers to an ordinary user's files; as anybody
else everything runs as that user.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

PASSWORD = "mail/box&pass+w0rd"
BINARY = shutil.which("dovecot", path=os.defpath + ":/usr/sbin:/usr/local/sbin")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


class Dovecot:
    """A running server. Any user can log in with the one password, and has a maildir."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pop3, self.pop3s, self.imap, self.imaps = free_ports(4)
        # Nobody logs in as root; root's server works for an ordinary user.
        self.owner = pwd.getpwnam("nobody" if os.getuid() == 0 else getpass.getuser())
        self._certificate()
        self.config = folder / "dovecot.conf"
        self.config.write_text(self._configuration(), encoding="ascii")
        assert BINARY is not None
        # It comes back when it listens; the server keeps the streams that it was given.
        with (folder / "started").open("wb") as said:
            done = subprocess.run([BINARY, "-c", str(self.config)], stdout=said, stderr=said, check=False, timeout=60)
        assert done.returncode == 0, (folder / "started").read_text()

    def stop(self) -> None:
        self.control("stop")

    def control(self, *command: str) -> None:
        assert BINARY is not None
        tool = str(Path(BINARY).with_name("doveadm"))
        tool = tool if Path(tool).exists() else shutil.which("doveadm") or tool
        subprocess.run([tool, "-c", str(self.config), *command], check=True, capture_output=True, timeout=60)

    def context(self) -> ssl.SSLContext:
        """Trusts this server, and checks its name."""
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))

    def maildir(self, user: str) -> Path:
        return self.folder / "homes" / user / "Maildir"

    def deliver(self, user: str, mails: Sequence[bytes]) -> None:
        """Put mails into a user's maildir, in this order."""
        maildir = self.maildir(user)
        for name in ("new", "cur", "tmp"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        for number, mail in enumerate(mails):
            (maildir / "new" / f"{1700000000 + number}.M{number}.here").write_bytes(mail)
        for path in [maildir.parent, *maildir.parent.rglob("*")]:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def left(self, user: str) -> list[tuple[bytes, bool]]:
        """A user's mails, and whether each is seen, in the order of their delivery."""
        files = [path for folder in ("new", "cur") for path in (self.maildir(user) / folder).iterdir()]
        found = sorted(files, key=lambda path: path.name)
        return [(path.read_bytes(), "S" in path.name.partition(":2,")[2]) for path in found]

    def _certificate(self) -> None:
        request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(self.folder / "key.pem"), "-out", str(self.folder / "cert.pem")]
        subprocess.run(["openssl", *request, *names, *files], check=True, capture_output=True, timeout=60)

    def _configuration(self) -> str:
        me = getpass.getuser()
        ordinary = f"default_internal_user = {me}\ndefault_login_user = {me}\n" + (
            f"default_internal_group = {self.group()}\n"
            "service imap-login {\n  chroot =\n}\nservice pop3-login {\n  chroot =\n}\n"
        )
        return f"""
protocols = imap pop3
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.folder}/cert.pem
ssl_key = <{self.folder}/key.pem
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
first_valid_uid = 1
mail_max_userip_connections = 100
auth_failure_delay = 0
service anvil {{
  {"" if os.getuid() == 0 else "chroot ="}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={self.owner.pw_uid} gid={self.owner.pw_gid} home={self.folder}/homes/%u
}}
{"" if os.getuid() == 0 else ordinary}
service imap-login {{
  inet_listener imap {{
    port = {self.imap}
  }}
  inet_listener imaps {{
    port = {self.imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = {self.pop3s}
    ssl = yes
  }}
}}
"""

    def group(self) -> str:
        import grp

        return grp.getgrgid(os.getgid()).gr_name
