# SPDX-License-Identifier: Apache-2.0
"""Chains sealed by dkimpy, and every single thing that can be wrong with them."""
import re

import dkim

from signer import BODY, FIELDS

SERVICE = b"mx.example.net"
RESULTS = b"Authentication-Results: " + SERVICE + b"; spf=pass smtp.mailfrom=example.org"
CHAIN_MAX = 50
MUTATED_MAX = 5
SAMPLED = (8, 21, 50)
KINDS = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id"]


def split(data):
    """The fields (without line end) and the body."""
    head, body = data.split(b"\r\n\r\n", 1)
    return re.split(rb"\r\n(?![ \t])", head), body


def join(fields, body):
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


def kind_of(field):
    name = field.split(b":")[0].lower()
    return name if name in KINDS else None


def instance_of(field):
    return int(re.search(rb"[:;]\s*i\s*=\s*(\d+)", field)[1])


def is_short(name):
    """True unless the case is made of a sampled, long chain."""
    return not name.endswith(tuple(f"_of_{count}" for count in SAMPLED))


class Sealer:
    def __init__(self, key, now):
        self.key = key
        self.now = now

    def seal(self, data, status=None, selector=b"sealer", key=None):
        """One set more; the status is what we say of the chain so far."""
        line = RESULTS + (b"; arc=" + status if status else b"")
        made = dkim.arc_sign(line + b"\r\n" + data, selector, b"example.org", (key or self.key).pem,
                             SERVICE, include_headers=SIGNED, timestamp=self.now - 100)
        assert made, "dkimpy made no set"
        return b"".join(field.rstrip(b"\r\n") + b"\r\n" for field in made) + data

    def chain(self, count, data):
        for i in range(count):
            data = self.seal(data, b"pass" if i else None)
            yield data


def mutations(count, data):
    """(label, message, expected) for a good chain of this many sets."""
    fields, body = split(data)
    places = [(i, kind_of(f), instance_of(f)) for i, f in enumerate(fields) if kind_of(f)]
    fail = f"fail:{count}"
    for at, kind, instance in places:
        label = f"{kind.decode()[4:]}_{instance}"
        field = fields[at]
        left = fields[:at] + fields[at + 1:]
        yield f"missing_{label}", join(left, body), fail
        yield f"twice_{label}", join(fields[:at] + [field] + fields[at:], body), fail
        yield f"moved_down_{label}", join(left + [field], body), f"pass:{count}:0"
        yield f"moved_up_{label}", join([field] + left, body), f"pass:{count}:0"

        def put(new, at=at):
            return join(fields[:at] + [new] + fields[at + 1:], body)
        yield f"refolded_{label}", put(field.replace(b"; ", b";\r\n\t ")), f"pass:{count}:0"
        yield f"name_case_{label}", put(field.upper()[:len(kind)] + field[len(kind):]), \
            f"pass:{count}:0"
        yield f"text_added_{label}", put(field.rstrip(b"; \r\n") + b"; zz=1"), fail
        for new in (0, 51, 99, instance + 1 if instance < count else 1 if count > 1 else 2):
            number = re.sub(rb"([:;]\s*i\s*=\s*)\d+", rb"\g<1>%d" % new, field, count=1)
            highest = max([new if 0 < new < 51 else 0] + [n for a, _, n in places if a != at])
            yield f"numbered_{new}_{label}", put(number), f"fail:{highest}"
        for label2, text in (("letter", b"x"), ("empty", b""), ("sign", b"+1"), ("long", b"001")):
            number = re.sub(rb"([:;]\s*i\s*=\s*)\d+", rb"\g<1>" + text, field, count=1)
            highest = max(n for a, _, n in places if a != at)
            yield f"instance_{label2}_{label}", put(number), f"fail:{highest}"
        if kind == b"arc-authentication-results":
            yield f"altered_{label}", put(field.replace(b"spf=pass", b"spf=fail")), fail
            continue
        yield f"altered_b_{label}", put(re.sub(
            rb"([; \t]b=[\r\n\t ]*)(.)", lambda m: m[1] + (b"B" if m[2] != b"B" else b"C"), field,
            count=1)), fail
        for tag, value in ((b"s", b"other"), (b"s", b"temp-servfail"), (b"s", b"gone"),
                           (b"s", b"revoked"), (b"a", b"rsa-sha1"), (b"d", b"example.com")):
            changed = re.sub(rb"([; ]" + tag + rb"=)[^;]+", rb"\g<1>" + value, field, count=1)
            newest = instance == count
            temporary = value == b"temp-servfail" and kind == b"arc-seal" and newest
            expected = f"temperror:{count}" if temporary else fail
            yield f"{tag.decode()}_{value.decode().replace('-', '_')}_{label}", put(changed), expected
        yield f"b_removed_{label}", put(re.sub(rb";\s*b=[^;]*", b"", field)), fail
        if kind == b"arc-seal":
            for status in (b"none", b"pass", b"fail", b"", b"maybe"):
                changed = re.sub(rb"cv=\w+", b"cv=" + status, field)
                if changed != field:
                    yield f"cv_{status.decode() or 'empty'}_{label}", put(changed), fail
            yield f"h_added_{label}", put(field + b"; h=from"), fail
            yield f"bh_added_{label}", put(field + b"; bh=AAAA"), fail
        else:
            yield f"altered_bh_{label}", put(re.sub(
                rb"(bh=)(.)", lambda m: m[1] + (b"B" if m[2] != b"B" else b"C"), field)), fail
            yield f"h_names_seal_{label}", put(re.sub(rb"h=", b"h=arc-seal:", field)), fail
    for instance in range(1, count + 1):
        left = [f for f in fields if not kind_of(f) or instance_of(f) != instance]
        newest = instance == count
        expected = ("none" if count == 1 else f"pass:{count - 1}:0") if newest else fail
        yield f"set_missing_{instance}", join(left, body), expected
        if count > 1:
            other = instance % count + 1
            swapped = [re.sub(rb"([:;]\s*i\s*=\s*)\d+",
                              rb"\g<1>%d" % {instance: other, other: instance}[instance_of(f)], f,
                              count=1)
                       if kind_of(f) and instance_of(f) in (instance, other) else f for f in fields]
            yield f"sets_swapped_{instance}_{other}", join(swapped, body), fail
    plain = [f for f in fields if not kind_of(f)]
    sets = [f for f in fields if kind_of(f)]
    yield "all_reversed", join(plain + sets[::-1], body), f"pass:{count}:0"
    yield "by_kind", join(sorted(sets, key=lambda f: (kind_of(f), instance_of(f))) + plain, body), \
        f"pass:{count}:0"
    yield "body_changed", join(fields, body + b"more\r\n"), fail
    yield "subject_changed", join([f.replace(b"printer", b"Printer") for f in fields], body), fail
    yield "field_added", join([b"X-New: 1"] + fields, body), f"pass:{count}:0"
    yield "body_lines_added", join(fields, body + b"\r\n"), f"pass:{count}:0"


def sampled(count, data):
    """Of a long chain, each kind of mutation at its first, middle and last set."""
    for label, changed, expected in mutations(count, data):
        number = re.search(r"_(\d+)$", label)
        if number is None or int(number[1]) in (1, count // 2, count):
            yield label, changed, expected


def changed_on_the_way(sealer, data):
    """Somebody rewrites the message between two sealers: the chain holds, older sets do not."""
    for count in (2, 3, 5):
        for hop in range(1, count):
            now = data
            for i in range(1, count + 1):
                now = sealer.seal(now, b"pass" if i > 1 else None)
                if i == hop:
                    now += b"-- \r\nlist footer\r\n"
            yield f"rewritten_after_{hop}_of_{count}", now, f"pass:{count}:{hop + 1}"


def special(sealer, zone, small, data):
    yield "none", data, "none"
    yield "failed_chain_sealed", sealer.seal(sealer.seal(data), b"fail"), "fail:2"
    zone.add("small", small.record())
    yield "short_key", sealer.seal(data, selector=b"small", key=small), "fail:1"
    yield "only_results", b"ARC-Authentication-Results: i=1; none\r\n" + data, "fail:1"
    yield "no_instances", b"ARC-Seal: x\r\n" + data, "fail:0"


def all_cases(sealer, zone, small, other):
    zone.add("sealer", sealer.key.record())
    zone.add("other", other.record())
    zone.add("revoked", b"v=DKIM1; p=")
    data = join(FIELDS, BODY)
    chains = list(sealer.chain(CHAIN_MAX, data))
    cases = list(special(sealer, zone, small, data))
    for count, chain in enumerate(chains, 1):
        cases.append((f"chain_{count}", chain, f"pass:{count}:0"))
        if count <= MUTATED_MAX or count in SAMPLED:
            pick = mutations if count <= MUTATED_MAX else sampled
            cases += [(f"{label}_of_{count}", changed, expected)
                      for label, changed, expected in pick(count, chain)]
    fields, body = split(chains[-1])
    one_more = [re.sub(rb"i=50", b"i=51", f) for f in fields if kind_of(f) and instance_of(f) == 50]
    cases.append(("chain_51", join(one_more + fields, body), "fail:50"))
    cases += list(changed_on_the_way(sealer, data))
    return cases
