"""The genuine `vonage` package talking to a server of ours, to compare what it puts on the wire with what we do."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from vonage import Auth, HttpClientOptions, Vonage

from tests.notifier.servers import Received, Script, Server
from tests.vendors import accounts


def certificate(folder: Path) -> Path:
    """A file with a key and a certificate for localhost that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "localhost.pem"
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


def client(url: str, *, signature_method: str | None = None) -> Vonage:
    """A client of the package for the server at `url`, with the test account's credentials; it signs if told how."""
    host = url.removeprefix("https://")
    options = HttpClientOptions(api_host=host, rest_host=host, timeout=5, pool_maxsize=1, max_retries=0)
    if signature_method:
        secret, method = accounts.SIGNATURE_SECRET, signature_method
        auth = Auth(api_key=accounts.API_KEY, signature_secret=secret, signature_method=method)
    else:
        auth = Auth(api_key=accounts.API_KEY, api_secret=accounts.API_SECRET)
    return Vonage(auth, options)


class Genuine:
    """A server that the package takes for Vonage, and clients of the package for it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def client(self, *, signature_method: str | None = None) -> Vonage:
        """A client with the test account's credentials; one that signs when it is given a method."""
        return client(f"https://localhost:{self._server.port}", signature_method=signature_method)

    @property
    def received(self) -> Received:
        """The one request that the package made."""
        (request,) = self._server.requests
        return request


def imitation(script: Script, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Genuine]:
    """Run a server over TLS that the package will trust; a fixture yields from this."""
    file = certificate(folder)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Server(script, context=context) as server:
        yield Genuine(server)
