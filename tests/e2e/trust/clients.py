"""python-tuf's own client: fetches both documents of a repository into a cache, or says what it refuses.

    clients.py MIRROR CACHE ROOT TARGETS_FOLDER     prints each target's SHA-256
"""

import hashlib
import pathlib
import sys

from tuf.ngclient import Updater

mirror, cache, root, targets = sys.argv[1:]
for folder in (cache, targets):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
updater = Updater(
    metadata_dir=cache,
    metadata_base_url=mirror,
    target_dir=targets,
    target_base_url=mirror + "/targets/",
    bootstrap=pathlib.Path(root).read_bytes(),
)
updater.refresh()
for name in ("trusted_root.json", "signing_config.v0.2.json"):
    info = updater.get_targetinfo(name)
    assert info is not None, name
    content = pathlib.Path(updater.download_target(info)).read_bytes()
    print(name, hashlib.sha256(content).hexdigest())
