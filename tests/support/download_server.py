"""A server of the downloads of a data set, for a copy of the repository that knows their checksums."""

import hashlib
import re
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@contextmanager
def serving(fresh, name, files):
    """A server of these files as the downloads of a data set, with their checksums; its address and requests."""
    served, requests = fresh.folder.parent / "served", []
    served.mkdir()
    source = fresh.folder / f"workflow/scripts/kd/datasets/{name}.py"
    text = source.read_text()
    for file, content in files.items():
        (served / file).write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        text, replaced = re.subn(rf'"{file}": "[0-9a-f]{{64}}"', f'"{file}": "{sha256}"', text)
        assert replaced == 1
        text = re.sub(rf'("{file}": )[0-9_]+', rf"\g<1>{len(content)}", text)
    source.write_text(text)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
