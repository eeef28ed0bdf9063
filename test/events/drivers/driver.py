import base64
import importlib.util
import json
import sys
from email.message import Message

spec = importlib.util.spec_from_file_location("hook", sys.argv[1])
hook = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(hook)
for line in open(sys.argv[2], encoding="utf-8"):
    case = json.loads(line)
    # As http.server has them: a mapping that ignores case.
    headers = Message()
    for name, value in case["headers"].items():
        headers[name.title()] = value
    try:
        print(str(hook.is_signed(headers, base64.b64decode(case["body"]), case["secret"], case["now"])).lower())
    except ValueError:
        print("error")
