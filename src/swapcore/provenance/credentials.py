"""Certificate and key that sign manifests."""

import datetime
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swapcore.errors import InputError

CERTIFICATE_VARIABLE = "SWAPCORE_SIGNING_CERTIFICATE"
"""Environment variable: a PEM file with the signer's certificate, then its chain."""
KEY_VARIABLE = "SWAPCORE_SIGNING_KEY"
"""Environment variable: a PEM file with the signer's private key, without a password."""
FOLDER_VARIABLE = "SWAPCORE_CONFIG"
"""Environment variable: the folder of the self-made certificate, instead of the user's configuration folder."""
SELF_MADE = "Self-made by swapcore, not trusted"
"""Organization in a self-made certificate."""
_CHAIN, _KEY = "certificate.pem", "key.pem"
_VALID = datetime.timedelta(days=3650)


@dataclass(frozen=True)
class Credentials:
    """A certificate chain and its private key, in the form that c2pa needs."""

    algorithm: str
    """es256, es384, es512, ed25519 or ps256."""
    chain: bytes
    """PEM."""
    key: bytes = field(repr=False)
    """PEM, PKCS #8."""


def signing_credentials() -> Credentials:
    """Read the user's credentials if both environment variables are set, else the self-made ones, which are made if missing.

    Raises:
        InputError: a file is missing, not PEM or expired, or key and certificate do not match.
    """
    certificate, key = os.environ.get(CERTIFICATE_VARIABLE), os.environ.get(KEY_VARIABLE)
    if certificate and key:
        return read_credentials(Path(certificate), Path(key))
    if certificate or key:
        given, missing = (CERTIFICATE_VARIABLE, KEY_VARIABLE) if certificate else (KEY_VARIABLE, CERTIFICATE_VARIABLE)
        raise InputError(f"{missing}: not set, while {given} is; set both, or neither for a self-made certificate")
    folder = configuration_folder() / "self-made"
    if not (folder / _KEY).is_file():
        make_credentials(folder)
    return read_credentials(folder / _CHAIN, folder / _KEY)


def configuration_folder() -> Path:
    """Return the user's configuration folder: $SWAPCORE_CONFIG, $XDG_CONFIG_HOME/swapcore or ~/.config/swapcore."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "swapcore"


def read_credentials(certificate: Path, key: Path) -> Credentials:
    """Read and check a certificate chain and its key.

    Raises:
        InputError: as for signing_credentials.
    """
    try:
        chain, secret = certificate.read_bytes(), key.read_bytes()
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}; give a signing certificate and its key") from None
    try:
        signer = x509.load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise InputError(f"{certificate}: not a certificate in PEM; put the signer's first, then its chain") from None
    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError(f"{key}: not a private key in PEM without a password; convert it") from None
    if signer.public_key() != private.public_key():
        raise InputError(f"{key}: does not match the certificate in {certificate}; give the key of that certificate")
    if signer.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise InputError(f"{certificate}: expired on {signer.not_valid_after_utc:%Y-%m-%d}; renew it")
    pkcs8 = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Credentials(_algorithm(private, key), chain, pkcs8)


def _algorithm(private: object, path: Path) -> str:
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in {
        "secp256r1",
        "secp384r1",
        "secp521r1",
    }:
        return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    raise InputError(f"{path}: this kind of key cannot sign C2PA; use P-256, P-384 or P-521, Ed25519 or RSA")


def make_credentials(folder: Path) -> None:
    """Make a self-made certificate and its key, readable by the user only.

    C2PA requires a signer below a certificate authority; the authority's key is discarded. The folder is renamed into place,
    so that processes that start at the same time use the same certificate.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        chain, key = _self_made()
        (partial / _CHAIN).write_bytes(chain)
        (partial / _KEY).touch(mode=0o600)
        (partial / _KEY).write_bytes(key)
        partial.rename(folder)
    except OSError:
        if not (folder / _KEY).is_file():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _self_made() -> tuple[bytes, bytes]:
    """Return (chain, key) in PEM: a C2PA signer below a one-time certificate authority."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, signer_name = _name("one-time authority"), _name("signer")
    authority = (
        _certificate(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _certificate(signer_name, authority_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)  # required by C2PA
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    chain = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in (signer, authority))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return chain, key.private_bytes(*form)


def _name(role: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, SELF_MADE), x509.NameAttribute(NameOID.COMMON_NAME, role)]
    )


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + _VALID)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
