"""The manifests of examples/k8s: read, and their pods run here as processes."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from group._cli.options import grammar
from tests.cluster.terminals import ROOT
from tests.waiting import eventually
from transport import ConfigError, Node

FOLDER = ROOT / "examples" / "k8s"
COOKIE = "a cookie of more than thirty-two bytes"
TOKEN = "a-token-of-the-secret"
START_LIMIT = 20.0

Manifest = dict[str, Any]


def manifests() -> list[Manifest]:
    return [
        each
        for path in sorted(FOLDER.glob("*.yaml"))
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def the(kind: str) -> Manifest:
    (found,) = [each for each in manifests() if each["kind"] == kind]
    return found


def template() -> Manifest:
    found: Manifest = the("StatefulSet")["spec"]["template"]
    return found


def container() -> Manifest:
    (found,) = template()["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def parsed() -> Namespace:
    return grammar().parser.parse_args(container()["args"])


def ports() -> dict[str, int]:
    return {each["name"]: each["containerPort"] for each in container()["ports"]}


def test_every_file_is_applied_but_the_secret() -> None:
    applied = the("Kustomization")["resources"]
    files = {path.name for path in FOLDER.glob("*.yaml")}

    assert files - set(applied) == {"secret.yaml", "kustomization.yaml"}
    assert all({"apiVersion", "kind"} <= set(each) for each in manifests())


def test_selectors_choose_the_pods() -> None:
    labels = template()["metadata"]["labels"]

    assert the("StatefulSet")["spec"]["selector"]["matchLabels"] == labels
    assert the("Service")["spec"]["selector"] == labels
    assert the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels
    assert the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels


def test_the_service_names_every_pod_ready_or_not() -> None:
    service = the("Service")

    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert the("StatefulSet")["spec"]["serviceName"] == service["metadata"]["name"]
    assert the("StatefulSet")["spec"]["podManagementPolicy"] == "Parallel"


def test_the_command_is_one_and_goes_to_the_ports_that_are_open() -> None:
    options, service = parsed(), the("Service")

    name = service["metadata"]["name"]
    assert options.command == "start"
    assert options.join == [f"dns://{name}:{ports()['group']}"]
    assert options.listen == f"0.0.0.0:{ports()['group']}"
    assert options.http == f"0.0.0.0:{ports()['http']}"
    assert {p["targetPort"]: p["port"] for p in service["spec"]["ports"]} == ports()
    assert options.allow_plaintext_network


def test_secrets_come_from_the_secret_and_are_not_in_the_repository() -> None:
    secret = the("Secret")

    wanted = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container()["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }
    assert set(wanted) == {"GROUP_COOKIE", "GROUP_HTTP_TOKEN"}
    for ref in wanted.values():
        assert ref["name"] == secret["metadata"]["name"]
        assert ref["key"] in secret["stringData"]
    with pytest.raises(ConfigError, match="cookie must be at least 32 bytes"):
        Node.start("pod", cookie=secret["stringData"]["cookie"])


def test_variables_are_known_before_they_are_used() -> None:
    known: set[str] = set()
    for each in container()["env"]:
        used = set(re.findall(r"\$\((\w+)\)", each.get("value", "")))
        assert used <= known, each
        known.add(each["name"])
    assert {"GROUP_NODE", "GROUP_ADVERTISE", "POD_IP"} <= known


def test_probes_ask_what_the_node_answers() -> None:
    probes = {
        name: container()[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }

    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/alive",
        "livenessProbe": "/alive",
        "readinessProbe": "/ready",
    }
    assert all(probe["port"] in ports() for probe in probes.values())


def test_the_end_has_the_time_that_it_takes() -> None:
    (_, seconds) = container()["lifecycle"]["preStop"]["exec"]["command"]

    needed = float(seconds) + parsed().stop_timeout
    assert template()["spec"]["terminationGracePeriodSeconds"] >= needed + 5


def test_a_pod_has_no_rights_that_it_does_not_need() -> None:
    spec, own = template()["spec"], container()["securityContext"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}


class Pods:
    """Pods as processes of this machine, each with an address of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._net = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        self._names = folder / "names"
        self._names.write_text("")
        self.running: dict[int, subprocess.Popen[bytes]] = {}

    def address(self, number: int) -> str:
        return f"{self._net}.{number + 1}"

    def name(self, number: int) -> str:
        return f"{the('StatefulSet')['metadata']['name']}-{number}"

    def environment(self, number: int) -> dict[str, str]:
        """Return what the manifest says, as the kubelet fills it in."""
        fields = {
            "metadata.name": self.name(number),
            "status.podIP": self.address(number),
        }
        secrets = {"cookie": COOKIE, "http-token": TOKEN}
        found: dict[str, str] = {}
        for each in container()["env"]:
            source = each.get("valueFrom", {})
            if "fieldRef" in source:
                value = fields[source["fieldRef"]["fieldPath"]]
            elif "secretKeyRef" in source:
                value = secrets[source["secretKeyRef"]["key"]]
            else:
                value = re.sub(r"\$\((\w+)\)", lambda m: found[m[1]], each["value"])
            found[each["name"]] = value
        return found

    def start(self, number: int) -> None:
        # Pods have a network of their own, and here they share one.
        args = [
            arg.replace("0.0.0.0", self.address(number)) for arg in container()["args"]
        ]
        with self.log(number).open("wb") as log:
            self.running[number] = subprocess.Popen(
                [sys.executable, ROOT / "tests" / "cluster" / "pod.py", *args],
                cwd=FOLDER,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    **self.environment(number),
                    "POD_NAMES_OF": the("Service")["metadata"]["name"],
                    "POD_NAMES": str(self._names),
                },
            )
        self._publish()

    def _publish(self) -> None:
        addresses = "\n".join(self.address(number) for number in self.running)
        fresh = self._names.with_suffix(".new")
        fresh.write_text(addresses, encoding="ascii")
        fresh.rename(self._names)

    def log(self, number: int) -> Path:
        return self._folder / f"{number}.log"

    def said(self, number: int) -> str:
        return self.log(number).read_text(encoding="utf-8")

    def check(self) -> None:
        for number, each in self.running.items():
            if each.poll() is not None:
                # Not an AssertionError, which would mean "not yet".
                raise RuntimeError(f"pod {number} has ended: {self.said(number)}")

    def terminate(self, number: int) -> int:
        """Do what the kubelet does when `preStop` is over; return the exit status."""
        ended = self.running.pop(number)
        self._publish()
        ended.send_signal(signal.SIGTERM)
        return ended.wait(template()["spec"]["terminationGracePeriodSeconds"])

    def get(self, number: int, path: str) -> int:
        url = f"http://{self.address(number)}:{ports()['http']}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return int(refused.code)
        except OSError:
            return 0

    def status(self, number: int) -> Manifest:
        """Do what `kubectl exec greeter-N -- groupctl status` does."""
        node = f"{self.address(number)}:{ports()['group']}"
        done = subprocess.run(
            [sys.executable, "-m", "group", "status", "--json", "--node", node],
            env={**os.environ, **self.environment(number)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        found: Manifest = json.loads(done.stdout)
        return found

    def end(self) -> None:
        for each in self.running.values():
            each.kill()
            each.wait()


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Pods]:
    made = Pods(tmp_path)
    yield made
    made.end()


@pytest.mark.cluster
@pytest.mark.slow
def test_pods_find_each_other_by_the_name_and_leave_in_order(pods: Pods) -> None:
    for number in range(3):
        pods.start(number)

    def all_ready() -> bool:
        pods.check()
        return all(pods.get(number, "/ready") == 200 for number in range(3))

    def all_up() -> bool:
        rows = pods.status(0)["nodes"]
        up = [row["name"] for row in rows if row["state"] == "up"]
        return sorted(up) == [pods.name(number) for number in range(3)]

    eventually(all_ready, 2 * START_LIMIT, what="every pod is ready")
    eventually(all_up, START_LIMIT, what="three nodes are up")
    assert pods.get(1, "/alive") == 200
    # Only the probes are for everybody.
    assert pods.get(1, "/metrics") == 401

    began = time.monotonic()
    status = pods.terminate(1)

    print(f"pod 1 has left {time.monotonic() - began:.2f} s after SIGTERM")
    assert status == 0, pods.said(1)
    gone = f"- {pods.name(1)} is gone: stopped"
    eventually(lambda: gone in pods.said(0) and gone in pods.said(2), 10)

    pods.start(1)
    back = f"+ {pods.name(1)} is here"
    eventually(lambda: pods.said(0).count(back) == 2, START_LIMIT, what="it is back")
    eventually(lambda: pods.get(1, "/ready") == 200, START_LIMIT)
