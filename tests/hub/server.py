"""A hub for tests: speaks the part of huggingface.co's interface that downloads use, from a folder.

    server.py FOLDER

FOLDER/ORG/NAME/ holds the files of a model (FOLDER/NAME/ for names without ORG), and beside them
may lie faults.json:

    {"model": {FAULT: VALUE}, "files": {FILE: {FAULT: VALUE}}}

Prints "HUB_PORT CDN_PORT" once both listen (the second plays the other host, to which large files
are redirected), and logs every request as one line of standard error: role, method, path, range,
whether a token came. A file is large (LFS) if it ends like weights. Standard library only.
"""

import hashlib
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = sys.argv[1]
COUNTS, LOCK = {}, threading.Lock()
PORTS = {}


def count(key):
    """How often this was asked before."""
    with LOCK:
        COUNTS[key] = COUNTS.get(key, 0) + 1
        return COUNTS[key] - 1


def is_large(name):
    return re.search(r"\.(safetensors|bin|gguf|pt|npz)$", name) is not None


def git_hash(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Model:
    def __init__(self, name):
        self.name, self.folder = name, os.path.join(ROOT, name)
        self.faults, self.files = {"model": {}, "files": {}}, {}
        try:
            with open(os.path.join(self.folder, "faults.json")) as f:
                self.faults.update(json.load(f))
        except FileNotFoundError:
            pass
        for at, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(at, name)
                relative = os.path.relpath(path, self.folder)
                if relative != "faults.json":
                    with open(path, "rb") as f:
                        self.files[relative] = f.read()
        listing = "".join(f"{n} {git_hash(d)}\n" for n, d in sorted(self.files.items()))
        self.commit = hashlib.sha1(listing.encode()).hexdigest()

    def fault(self, name, what):
        return self.faults["files"].get(name, {}).get(what)

    def etag(self, name):
        data = self.files[name]
        return hashlib.sha256(data).hexdigest() if is_large(name) else git_hash(data)

    def sibling(self, name):
        data = self.files[name]
        size = self.fault(name, "listed_size") or len(data)
        out = {"rfilename": name}
        if self.faults["model"].get("bare"):
            return out
        out.update(size=size, blobId=git_hash(data))
        if is_large(name):
            sha = self.fault(name, "listed_hash") or hashlib.sha256(data).hexdigest()
            out["lfs"] = {"sha256": sha, "size": size, "pointerSize": 135}
        return out

    def answer(self):
        fault = self.faults["model"]
        if "json" in fault:
            return fault["json"].encode()
        if "huge" in fault:
            return b'{"sha":"' + b"a" * fault["huge"]
        siblings = [self.sibling(n) for n in sorted(self.files)]
        siblings += [{"rfilename": n, "size": 3, "blobId": "0" * 40} for n in fault.get("extra", [])]
        return json.dumps({"id": self.name, "sha": self.commit, "siblings": siblings}).encode()

    def tree(self):
        """What newer versions of huggingface_hub ask for."""
        out = []
        for name in sorted(self.files):
            s = self.sibling(name)
            entry = {"type": "file", "path": name, "size": s["size"], "oid": s["blobId"]}
            if "lfs" in s:
                entry["lfs"] = {"oid": s["lfs"]["sha256"], "size": s["size"], "pointerSize": 135}
            out.append(entry)
        return json.dumps(out).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.reply(status, b"no", [("X-Error-Code", code)])

    def handle_one(self):
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        token = self.headers.get("Authorization")
        line = (self.role, self.command, path, self.headers.get("Range", "-"), "token" if token else "-")
        os.write(2, (" ".join(line) + "\n").encode())  # one write: lines of threads stay whole
        if self.role == "cdn":
            return self.cdn(path)
        m = re.fullmatch(r"/api/models/(.+?)/(revision|tree)/(.+)", path)
        if m:
            return self.api(m[1], m[2], m[3])
        m = re.fullmatch(r"/((?:[^/]+/)?[^/]+)/resolve/([^/]+)/(.+)", path)
        if m:
            return self.resolve(m[1], m[2], m[3])
        self.reply(404)

    do_GET = do_HEAD = handle_one

    def temporary(self, key, fault):
        """429 and 500 for the first tries: [status, times, seconds]."""
        if not fault:
            return False
        status, times = fault[0], fault[1]
        if count(key) >= times:
            return False
        self.reply(status, b"later", [("Retry-After", str(fault[2]))] if len(fault) > 2 else ())
        return True

    def api(self, name, kind, revision):
        if not os.path.isdir(os.path.join(ROOT, name)) or "/" not in name and not name.startswith("plain"):
            return self.refuse(401, "RepoNotFound")
        model = Model(name)
        fault = model.faults["model"]
        if "moved" in fault:
            to = f"/api/models/{fault['moved']}/{kind}/{revision}?blobs=true"
            return self.reply(307, headers=[("Location", to)])
        if self.temporary(("api", name), fault.get("busy")):
            return None
        if "stall" in fault:
            time.sleep(fault["stall"])
        if revision not in ("main", "refs/pr/1", model.commit):
            return self.refuse(404, "RevisionNotFound")
        self.reply(200, model.answer() if kind == "revision" else model.tree(),
                   [("Content-Type", "application/json")])

    def resolve(self, name, revision, file):
        if not os.path.isdir(os.path.join(ROOT, name)):
            return self.refuse(404, "RepoNotFound")
        model = Model(name)
        if "moved" in model.faults["model"]:
            to = f"/{model.faults['model']['moved']}/resolve/{revision}/{file}"
            return self.reply(307, headers=[("Location", to)])
        if revision not in (model.commit, "main"):
            return self.refuse(404, "RevisionNotFound")
        if model.faults["model"].get("gated"):
            token = self.headers.get("Authorization")
            if token != "Bearer good":
                return self.refuse(403 if token else 401, "GatedRepo")
        if file not in model.files:
            return self.refuse(404, "EntryNotFound")
        if self.temporary((name, file), model.fault(file, "busy")):
            return None
        etag = model.etag(file)
        if self.command == "GET" and count((name, file, "etag")) < (model.fault(file, "changed") or 0):
            etag = "f" * 40
        tags = [("X-Repo-Commit", model.commit), ("X-Linked-Etag", f'"{etag}"'),
                ("X-Linked-Size", str(len(model.files[file])))]
        if is_large(file):
            target = model.fault(file, "redirect") or f"http://127.0.0.1:{PORTS['cdn']}/{name}/{file}"
            return self.reply(302, headers=[*tags, ("Location", target)])
        self.content(model, file, [("X-Repo-Commit", model.commit), ("ETag", f'"{etag}"')])

    def cdn(self, path):
        if path.startswith("/loop"):
            return self.reply(302, headers=[("Location", path + "x")])
        m = re.fullmatch(r"/(.+?/[^/]+)/(.+)", path)
        model = Model(m[1])
        file = m[2]
        if self.headers.get("Authorization"):
            return self.reply(400, b"a token came to the wrong host")
        if self.temporary((m[1], file, "cdn"), model.fault(file, "cdn_busy")):
            return None
        self.content(model, file, [("ETag", '"of-the-cdn"')])

    def content(self, model, file, headers):
        data, begin, status = model.files[file], 0, 200
        fault = {k: model.fault(file, k) for k in
                 ("cut", "stall", "no_range", "bad_range", "served", "claims", "slow")}
        if fault["served"] is not None:
            wrong, times = fault["served"]
            if self.command == "GET" and count((model.name, file, "served")) < times:
                data = wrong.encode() if isinstance(wrong, str) else b"x" * wrong
        m = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if m and not fault["no_range"]:
            begin, status = int(m[1]), 206
            if begin >= len(data):
                return self.reply(416, headers=[("Content-Range", f"bytes */{len(data)}")])
            headers = [*headers, ("Content-Range", f"bytes {begin - bool(fault['bad_range'])}-{len(data) - 1}/{len(data)}")]
        body = data[begin:]
        claim = len(body) + (fault["claims"] or 0)
        self.send_response(status)
        for key, value in [*headers, ("Content-Length", str(claim)), ("Accept-Ranges", "bytes")]:
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault["cut"] and count((model.name, file, "cut")) < fault["cut"][1]:
            body = body[:fault["cut"][0]]
            self.close_connection = True
        if fault["stall"] and count((model.name, file, "stall")) < 1:
            self.wfile.write(body[:fault["stall"][0]])
            self.wfile.flush()
            time.sleep(fault["stall"][1])
            self.close_connection = True
            return
        if fault["slow"]:
            for at in range(0, len(body), fault["slow"]):
                self.wfile.write(body[at:at + fault["slow"]])
                time.sleep(0.01)
        else:
            self.wfile.write(body)
        if claim != len(body):
            self.close_connection = True


class Hub(Handler):
    role = "hub"


class Cdn(Handler):
    role = "cdn"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)


hub, cdn = Server(("127.0.0.1", 0), Hub), Server(("127.0.0.1", 0), Cdn)
PORTS.update(hub=hub.server_port, cdn=cdn.server_port)
threading.Thread(target=cdn.serve_forever, daemon=True).start()
print(hub.server_port, cdn.server_port, flush=True)
hub.serve_forever()
