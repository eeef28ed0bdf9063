# What Python's email sees of messages, two lines of base64 a pair: prints each pair in which it sees different parts.
import base64, email, email.policy, json, sys

def seen(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    parts = []
    for part in message.walk():
        # RFC 2046 5.1.1: the line end before a boundary is not the part's.
        body = b'' if part.is_multipart() else part.get_payload(decode=True).rstrip(b'\r\n')
        name = part.get_filename()
        if name is not None:
            name = name.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
        parts.append([part.get_content_type(), body.hex(), name])
    sender = message['from'].addresses[0]
    return [str(message['subject']), sender.display_name, sender.addr_spec, parts]

lines = [base64.b64decode(line) for line in sys.stdin.buffer]
for before, after in zip(lines[::2], lines[1::2]):
    was, now = seen(before), seen(after)
    # Raw octets in a header are shown with surrogates.
    was[0] = was[0].encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
    was[1] = was[1].encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
    if was != now:
        print(json.dumps([before.decode('utf-8', 'replace'), after.decode('latin1'), was, now]))
print('compared', len(lines) // 2)
