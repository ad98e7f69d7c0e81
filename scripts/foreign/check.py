#!/usr/bin/env python3
"""Lets tools that know nothing of Affiant judge bundles: python3 scripts/foreign/check.py [FOLDER]

FOLDER (target/foreign) has clean/*.affiant, altered/CLASS-*.affiant, trust.json, and previous/NAME, an earlier checkpoint
for a clean bundle of that name. Bundles are made when there are none. Every tool must accept every clean bundle, and every
altered one must be rejected by at least one of them. The tools (requirements.txt) are used where this Python has them, and
installed into FOLDER/venv where it has not; Go's packages are copied from its toolchain, without any download of modules.
"""
import base64, collections, hashlib, importlib.util, json, os, pathlib, shutil, subprocess, sys, tarfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/foreign").resolve()
HAS_TOOLS = all(map(importlib.util.find_spec, ("pymerkle", "securesystemslib", "in_toto_attestation", "prov", "go")))
PYTHON = pathlib.Path(sys.executable) if HAS_TOOLS else FOLDER / "venv/bin/python"


class Rejected(Exception):
    """A tool does not accept the bundle."""


def prepare():
    """Bundles, the tools, and Go's packages as a program. Then this script again, with the tools' Python."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    if not (FOLDER / "trust.json").exists():
        command = ["cargo", "run", "-q", "-p", "affiant-proof", "--example", "bundles", "--", str(FOLDER), "20", "5"]
        subprocess.run(command, cwd=ROOT, check=True)
    if not HAS_TOOLS:
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "venv")], check=True)
        pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
    build_go()
    os.execv(PYTHON, [str(PYTHON), __file__, str(FOLDER), "--prepared"])


def build_go():
    go, work = PYTHON.parent / "go", FOLDER / "go"
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off",
                   "GOCACHE": str(FOLDER / "go-cache"), "GOPATH": str(FOLDER / "go-path")}
    root = subprocess.run([go, "env", "GOROOT"], env=environment, check=True, capture_output=True, text=True).stdout
    shutil.rmtree(work, ignore_errors=True)
    for package in ("note", "tlog"):
        source = pathlib.Path(root.strip()) / "src/cmd/vendor/golang.org/x/mod/sumdb" / package
        shutil.copytree(source, work / package)
    shutil.copy(HERE / "go/main.go", work / "main.go")
    (work / "go.mod").write_text("module foreign\n\ngo 1.22\n")
    subprocess.run([go, "build", "-o", "judge", "."], cwd=work, env=environment, check=True)


class Bundle:
    """The members, as Python's own tarfile reads them, and what several judges need of them."""

    def __init__(self, path, trust):
        self.name, self.path = path.stem, path
        with tarfile.open(path) as archive:
            self.members = {it.name: archive.extractfile(it).read() for it in archive}
        self.note = self.need("checkpoint").decode()
        self.origin = self.note.split("\n")[0]
        self.size, self.root = int(self.note.split("\n")[1]), base64.b64decode(self.note.split("\n")[2])
        self.keys = trust["origins"].get(self.origin, {}).get("keys", [])
        self.proofs = json.loads(self.need("proofs.json"))
        self.nodes = [{place: bytes.fromhex(text[7:]) for place, text in level} for level in self.proofs["nodes"]]
        self.events = self.need("events.jsonl").split(b"\n")[:-1]
        self.admin = self.members.get("admin.jsonl", b"").split(b"\n")[:-1]
        previous = FOLDER / "previous" / self.name
        self.previous = previous.read_text() if previous.exists() and path.parent.name == "clean" else ""

    def need(self, name):
        if name not in self.members:
            raise Rejected(f"{name} is missing")
        return self.members[name]

    def path_of(self, index):
        """The audit path of a leaf, and whether each hash stands on the left."""
        places = [(level, (index >> level) ^ 1) for level in range((self.size - 1).bit_length())]
        return [(self.nodes[level][place], place & 1 == 0) for level, place in places if place << level < self.size]

    def leaves(self):
        for lines, places in ((self.events, self.proofs["events"]), (self.admin, self.proofs["admin"])):
            if len(lines) != len(places):
                raise Rejected("not one place in the log for each event")
            yield from zip(lines, places)

    def consistency(self):
        return [bytes.fromhex(text[7:]) for text in self.proofs["consistency"]["path"]] if self.previous else []


def go_jobs(bundle):
    """What Go's sumdb/note and sumdb/tlog are asked."""
    b64 = lambda data: base64.b64encode(data).decode()
    records = [{"index": index, "data": b64(line), "path": [b64(it) for it, _ in bundle.path_of(index)]}
               for line, index in bundle.leaves()]
    return {"note": bundle.note, "keys": bundle.keys, "records": records, "previous": bundle.previous,
            "consistency": [b64(it) for it in bundle.consistency()]}


def go(bundle):
    job = json.dumps(go_jobs(bundle))
    answer = subprocess.run([FOLDER / "go/judge"], input=job, capture_output=True, text=True, check=True).stdout
    if json.loads(answer) != "ok":
        raise Rejected(json.loads(answer))


def pymerkle(bundle):
    """Inclusion alone: its consistency proofs have a layout of their own, so Go checks those."""
    from pymerkle import InclusionProof, verify_inclusion
    for line, index in bundle.leaves():
        leaf, path = hashlib.sha256(b"\0" + line).digest(), bundle.path_of(index)
        rule = [int(on_the_left) for _, on_the_left in path] + [0]
        proof = InclusionProof("sha256", True, bundle.size, index + 1, rule, [leaf] + [it for it, _ in path])
        verify_inclusion(leaf, bundle.root, proof, index=index + 1, size=bundle.size)


def securesystemslib(bundle):
    """The envelope, under the log's key. Gives the payload."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey
    keys = []
    for text in bundle.keys:
        name, hash_, encoded = text.split("+", 2)
        keyval = {"public": base64.b64decode(encoded)[1:].hex()}
        keys.append(SSlibKey(f"{name}+{hash_}", "ed25519", "ed25519", keyval))
    envelope = Envelope.from_dict(json.loads(bundle.need("statement.dsse.json")))
    envelope.verify(keys, 1)
    if envelope.payload_type != "application/vnd.in-toto+json":
        raise Rejected("another type of payload")
    return envelope.payload


def in_toto(bundle):
    """The statement, its subjects, and the members that it names."""
    import in_toto_attestation.v1.statement_pb2 as pb
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement
    payload = securesystemslib(bundle)
    statement = json_format.Parse(payload, pb.Statement())
    Statement.copy_from_pb(statement).validate()
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in bundle.members.items()}
    for subject in statement.subject:
        if subject.digest["sha256"] not in hashes.values():
            raise Rejected(f"nothing in the bundle is the subject {subject.name}")
    claimed = {name: text[7:] for name, text in json.loads(payload)["predicate"]["members"].items()}
    there = {name: hash_ for name, hash_ in hashes.items() if name != "statement.dsse.json"}
    if claimed != there:
        wrong = sorted(name for name in set(claimed) | set(there) if claimed.get(name) != there.get(name))
        raise Rejected(f"{', '.join(wrong)}: not what was signed")


def prov(bundle):
    from prov.model import ProvDocument
    document = ProvDocument.deserialize(content=bundle.need("prov.json").decode(), format="json")
    text = document.get_provn()
    artifacts = [json.loads(line)["body"]["content"]["digest"] for line in bundle.events
                 if json.loads(line)["type"] == "artifact.created"]
    for digest in artifacts:
        if digest not in text:
            raise Rejected(f"the artifact {digest} is not in the provenance")


def opentelemetry(bundle):
    from google.protobuf import json_format
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    def ids(value):
        """OTLP/JSON writes ids in hex where protobuf's JSON has base64."""
        if isinstance(value, list):
            return [ids(item) for item in value]
        if not isinstance(value, dict):
            return value
        hexed = ("traceId", "spanId", "parentSpanId")
        return {key: base64.b64encode(bytes.fromhex(it)).decode() if key in hexed else ids(it)
                for key, it in value.items()}

    traces = json_format.ParseDict(ids(json.loads(bundle.need("otlp.json"))), TracesData())
    spans = [span for it in traces.resource_spans for scope in it.scope_spans for span in scope.spans]
    known = {span.span_id for span in spans}
    for span in spans:
        orphan = span.parent_span_id and span.parent_span_id not in known
        if len(span.trace_id) != 16 or len(span.span_id) != 8 or orphan or span.end_time_unix_nano < span.start_time_unix_nano:
            raise Rejected(f"the span {span.name} is not a span")
    steps = sum(json.loads(line)["type"] == "step.decided" for line in bundle.events)
    if len(spans) != steps + 1:
        raise Rejected("not one span for each step")


def documented(bundle):
    """docs/verify.py, which is written from the document alone."""
    command = [sys.executable, ROOT / "docs/verify.py", bundle.path, "--trust", FOLDER / "trust.json"]
    if bundle.previous:
        command += ["--previous", FOLDER / "previous" / bundle.name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Rejected(done.stdout.strip().split("\n")[-1] + done.stderr)


JUDGES = {"go sumdb": go, "pymerkle": pymerkle, "securesystemslib": securesystemslib, "in-toto-attestation": in_toto,
          "prov": prov, "opentelemetry-proto": opentelemetry, "docs/verify.py": documented}


def judge(path, trust):
    """What each judge has against a bundle; nothing where it accepts it."""
    try:
        bundle = Bundle(path, trust)
    except Exception as error:  # whatever a tool raises is its way to reject
        return {name: str(error) for name in JUDGES}
    against = {}
    for name, ask in JUDGES.items():
        try:
            ask(bundle)
        except Exception as error:
            against[name] = f"{type(error).__name__}: {error}"
    return against


def main():
    trust = json.loads((FOLDER / "trust.json").read_text())
    clean, altered = sorted((FOLDER / "clean").glob("*.affiant")), sorted((FOLDER / "altered").glob("*.affiant"))
    wrong, accepted, rejected = [], collections.Counter(), collections.Counter()
    by_class = collections.defaultdict(collections.Counter)
    for path in clean:
        against = judge(path, trust)
        accepted.update(set(JUDGES) - set(against))
        wrong += [f"{path.name}: {name} rejects it: {why}" for name, why in against.items()]
    for path in altered:
        against = judge(path, trust)
        rejected.update(against.keys())
        by_class[path.stem.rpartition("-")[0]].update(against.keys())
        foreign = set(against) - {"docs/verify.py"}
        if not foreign or "docs/verify.py" not in against:
            wrong.append(f"{path.name}: accepted by {'all foreign tools' if not foreign else 'docs/verify.py'}")
    for name in JUDGES:
        print(f"{name:<22} accepts {accepted[name]} of {len(clean)} clean, rejects {rejected[name]} of {len(altered)} altered")
    for name, counts in sorted(by_class.items()):
        print(f"  {name:<24}" + ", ".join(f"{judge} {count}" for judge, count in counts.most_common()))
    print("\n".join(wrong) or f"{len(clean)} clean bundles accepted by all, {len(altered)} altered ones rejected")
    sys.exit(bool(wrong) or not clean or not altered)


if __name__ == "__main__":
    main() if "--prepared" in sys.argv else prepare()
