"""What the app does not use is not loaded by it, and works for whoever does use it."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.adapters.late_modules import CERTIFICATES, load_late

# With a Python of its own each: what is loaded here stays loaded
LATE = "print(*(type(sys.modules[name]).__name__ for name in sys.argv[1:]))"
PAIR = """
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography import x509
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rollcall")])
day = datetime.datetime(2026, 11, 2)
made = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day).sign(key, hashes.SHA256())
private = key.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
pem = private + made.public_bytes(serialization.Encoding.PEM)
"""


def ran(root: Path, script: str) -> str:
    command = [sys.executable, "-c", f"import datetime, sys\n{script}", *CERTIFICATES]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_app_loads_nothing_that_reads_certificates(root: Path) -> None:
    assert ran(root, f"import function_app\n{LATE}") == "_LazyModule"


def test_who_signs_in_with_a_certificate_can(root: Path) -> None:
    script = f"""
import function_app
{PAIR}
from azure.identity import CertificateCredential
CertificateCredential("tenant", "client", certificate_data=pem)
{LATE}"""
    assert ran(root, script) == "module"


@pytest.mark.parametrize(
    "use",
    [
        "from cryptography.x509 import Name",
        "import cryptography.x509.oid",
        "import cryptography; assert cryptography.x509.Name",
        "import cryptography.x509 as x509; assert 'Name' in dir(x509)",
    ],
)
def test_each_way_to_use_one_loads_it(root: Path, use: str) -> None:
    assert ran(root, f"import shared.adapters.late_modules\n{use}\n{LATE}") == "module"


def test_one_that_is_loaded_or_not_there_is_left_alone() -> None:
    load_late(["json.decoder", "json.no_such_module"])
    assert type(sys.modules["json.decoder"]).__name__ == "module"
    assert "json.no_such_module" not in sys.modules


def test_one_that_its_package_loads_is_left_alone(root: Path) -> None:
    script = """
from shared.adapters.late_modules import load_late
load_late(["json.decoder"])
print(type(sys.modules["json.decoder"]).__name__)"""
    assert ran(root, script) == "module"
