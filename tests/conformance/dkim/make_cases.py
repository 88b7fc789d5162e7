#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_cases.py FOLDER: write the messages, the zone and the list of cases for test_dkim_cases.

Needs python3-dkim, python3-authres, python3-nacl and openssl. A line of the list, with tabs:
kind (dkim, arc), name, seconds since 1970, what is expected, what dkimpy says. DKIM results are one
word a signature, "-" for none, "+N" for N ignored; "pass/tail": the end of the body is not signed.
ARC: result, instances and, when it passes, oldest-pass, with colons. "?": dkimpy was not asked, being
slow with long chains."""
import logging
import pathlib
import sys
import time

import dkim

import arc_cases
import dkim_cases
from signer import Rsa, Zone

logging.disable(logging.CRITICAL)


def dkimpy_dkim(data, zone):
    """pass or no for each signature; "error" where dkimpy itself breaks."""
    try:
        count = sum(name.lower() == b"dkim-signature" for name, _ in dkim.DKIM(data).headers)
    except Exception:  # whatever it is: dkimpy has no answer
        return "error"
    words = []
    for i in range(min(count, 10)):
        try:
            words.append("pass" if dkim.DKIM(data).verify(i, dnsfunc=zone.lookup) else "no")
        except dkim.DKIMException:
            words.append("no")
        except Exception:  # as above
            words.append("error")
    return " ".join(words) or "-"


def dkimpy_arc(data, zone):
    try:
        status, results, _ = dkim.arc_verify(data, dnsfunc=zone.lookup)
    except Exception:  # as above
        return "error"
    return {dkim.CV_Pass: "pass", dkim.CV_None: "none"}.get(status, "no")


def write(folder, kind, name, data):
    (folder / "messages" / f"{kind}_{name}.eml").write_bytes(data)


def main():
    folder = pathlib.Path(sys.argv[1])
    (folder / "messages").mkdir(parents=True, exist_ok=True)
    zone = Zone()
    now = int(time.time())
    lines = []
    table = dkim_cases.all_cases(folder, zone, now)
    key, small, other = (Rsa(folder, bits) for bits in (1024, 768, 1025))
    chains = arc_cases.all_cases(arc_cases.Sealer(key, now), zone, small, other)
    for name, data, expected, ignored in table:
        write(folder, "dkim", name, data)
        words = " ".join(expected) or "-"
        words += f" +{ignored}" if ignored else ""
        lines.append(("dkim", name, str(now), words, dkimpy_dkim(data, zone)))
    for name, data, expected in chains:
        write(folder, "arc", name, data)
        asked = arc_cases.is_short(name) or name.startswith("chain_")
        lines.append(("arc", name, str(now), expected, dkimpy_arc(data, zone) if asked else "?"))
    names = [line[:2] for line in lines]
    assert len(names) == len(set(names)), [n for n in names if names.count(n) > 1]
    zone.write(folder / "zone")
    (folder / "cases").write_text("".join("\t".join(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
