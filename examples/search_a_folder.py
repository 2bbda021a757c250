"""Hear every recording of a folder, and list what is heard where, as JSON lines.

The model is loaded once; each recording has a listener of its own, which is ready at once.

python examples/search_a_folder.py recordings/ "a dog barking" "a door closing"
"""

import json
import sys
from pathlib import Path

import elsa_rt

if len(sys.argv) < 3:
    sys.exit(__doc__)
folder, *prompts = sys.argv[1:]
encoder = elsa_rt.AudioEncoder(elsa_rt.ModelBundle.load())
bank = elsa_rt.PromptBank.encode(encoder.bundle, prompts)
for path in sorted(Path(folder).iterdir()):
    try:
        for hearing in elsa_rt.Listener(bank, path, encoder=encoder):
            for alert in hearing.alerts:
                print(json.dumps({"file": path.name, **alert.as_dict()}))
    except elsa_rt.ElsaError as error:
        print(error, file=sys.stderr)
