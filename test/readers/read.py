# What Python's email sees: a line a field of interest, `message name value address address ...`, each in base64.
import base64, email, email.policy, email.utils, sys

CLAIMS = {'from', 'sender', 'resent-from', 'resent-sender'}
WANTED = CLAIMS | {'bcc', 'resent-bcc'}
b64 = lambda text: base64.b64encode(text.encode('utf-8', 'surrogateescape')).decode()

for number, line in enumerate(open(sys.argv[1], 'rb')):
    octets = base64.b64decode(line)
    message = email.message_from_bytes(octets, policy=email.policy.compat32)
    for name, value in message._headers:
        if name.strip().lower() not in WANTED:
            continue
        value = str(value)
        found = [address for _, address in email.utils.getaddresses([value])]
        print(number, b64(name), b64(value), *map(b64, found))
    # The modern policy has a parser of its own; it throws at what it cannot read.
    try:
        modern = email.message_from_bytes(octets, policy=email.policy.SMTP)
        for name in CLAIMS:
            for header in modern.get_all(name, []):
                print(number, b64(name), '', *(b64(a.addr_spec) for a in header.addresses))
    except Exception:
        pass
