# SPDX-License-Identifier: Apache-2.0
"""The table of DKIM cases: name, message, what every signature must come to."""
import base64
import re

import dkim

from signer import (BODY, FIELDS, NAMES, Ed25519, Rsa, canonical_body, message, sign, signed)

BODIES = {
    "empty": b"", "one_line_end": b"\r\n", "line_ends": b"\r\n\r\n\r\n", "no_line_end": b"abc",
    "blank_no_line_end": b"abc \t", "trailing_lines": b"abc\r\n\r\n\r\n",
    "blank_lines_at_end": b"abc \r\n \r\n\t\r\n  ", "only_blanks": b" \t \r\n",
    "blank_without_line": b" ", "leading_lines": b"\r\n\r\nabc\r\n",
    "blanks_inside": b"a  b\t\tc \td\r\n e\r\n\tf\r\n", "bare_cr": b"a\rb\r\n",
    "bare_cr_last": b"abc\r", "cr_cr_lf": b"abc\r\r\n", "blank_bare_cr": b"a \rb \r\n",
    "bare_lf": b"a\nb\r\n", "bare_lf_last": b"abc\n", "lf_cr": b"a\n\r\n\n\rb \n\r\n",
    "bytes": bytes(range(128, 256)) + b"\r\n", "nul": b"a\0b\0\r\n",
    "long_line": b"x" * 5000 + b"\r\n", "long_blanks": b"a" + b" " * 3000 + b"b\r\n",
    "dots": b".\r\n..\r\nFrom me\r\n", "words": b"the quick brown fox  jumps\r\n" * 9 + b" end",
    "block_borders": b"".join(b"y" * n + b" \r\n" for n in range(58, 72)),
}
PAIRS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]

RFC6376_SIGNATURE = b"""DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
"""
RFC6376_KEY = (b"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1"
               b"fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gb"
               b"to/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB")
RFC8463_KEYS = {
    "brisbane": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test": b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6W"
            b"k08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6l"
            b"HvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
}
RFC8463_SIGNATURES = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
"""
RFC_MESSAGE = b"""From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
"""


def crlf(text):
    return text.replace(b"\n", b"\r\n")


def replaced(data, old, new, count=1):
    assert old in data, old
    return data.replace(old, new, count)


class Cases:
    def __init__(self, keys_folder, zone, now):
        self.list = []
        self.zone = zone
        self.now = now
        self.rsa = Rsa(keys_folder, 2048)
        self.ed = Ed25519()
        self.folder = keys_folder
        zone.add("rsa", self.rsa.record())
        zone.add("ed", self.ed.record())

    def add(self, name, data, *expected, ignored=0):
        self.list.append((name, data, expected, ignored))

    def one(self, name, expected, **options):
        """One signature of the usual key, made with these options."""
        self.add(name, signed(self.rsa, **options), expected)

    def key(self, name, expected, *records, signer=None, **options):
        """One good signature, and these records at its key's name."""
        selector = name.replace("_", "-")
        for record in records:
            self.zone.add(selector, record)
        self.add(name, signed(signer or self.rsa, s=selector, **options), expected)


def canonicalisation(cases):
    for label, body in BODIES.items():
        for pair in PAIRS:
            name = f"body_{label}_{pair.replace('/', '_')}"
            cases.one(name, "pass", body=body, canon=pair)
    for pair in PAIRS:
        for key, selector in ((cases.rsa, b"rsa"), (cases.ed, b"ed")):
            label = f"{selector.decode()}_{pair.replace('/', '_')}"
            canon = tuple(part.encode() for part in pair.split("/"))
            field = dkim.sign(message(FIELDS), selector, b"example.org", key.pem,
                              canonicalize=canon, signature_algorithm=key.algorithm,
                              include_headers=NAMES.split(b":"))
            cases.add("dkimpy_" + label, field + message(FIELDS), "pass")
            cases.add("dkimpy_body_changed_" + label,
                      replaced(field + message(FIELDS), b"burns", b"bumms"), "fail")
            cases.add("dkimpy_subject_changed_" + label,
                      replaced(field + message(FIELDS), b"printer", b"Printer"), "fail")
    cases.one("c_absent_is_simple", "pass", canon="simple/simple", c=None)
    cases.one("c_relaxed_alone", "pass", canon="relaxed/simple", c=b"relaxed")
    cases.one("c_simple_alone", "pass", canon="simple/simple", c=b"simple")
    cases.one("c_upper_case", "pass", c=b"Relaxed/RELAXED")
    for label, value in (("nofws", b"nofws"), ("half", b"relaxed/"), ("other_half", b"/relaxed"),
                         ("three", b"relaxed/relaxed/relaxed"), ("empty", b"")):
        cases.one(f"c_{label}", "permerror", c=value)
    cases.one("body_huge", "pass", body=(b"the quick  brown fox \r\n" * 100 + b"\r\n") * 900)
    cases.one("body_huge_simple", "pass", body=b"z" * 70 + b"\r\n" * 300000,
              canon="simple/simple")


def headers(cases):
    odd = [b"From: Alice\r\n\t<alice@example.org>", b"Subject:  many   blanks \t here  ",
           b"To :late@colon.example", b"X-Empty:", b"X-Blank:  ", b"X-Fold: a\r\n b\r\n\r\n"[:-4],
           b"X-Fold-Blank: a\r\n  \r\n b", b"DATE: upper", b"X-Raw: caf\xe9 \xf0\x9f\x94\xa5"]
    names = b"from:subject:to:x-empty:x-blank:x-fold:x-fold-blank:date:x-raw"
    for pair in ("simple/simple", "relaxed/relaxed"):
        label = pair.split("/")[0]
        cases.one(f"fields_odd_{label}", "pass", fields=odd, canon=pair, h=names)
        good = signed(cases.rsa, fields=odd, canon=pair, h=names)
        wanted = "pass" if label == "relaxed" else "fail"
        cases.add(f"fields_refolded_{label}", replaced(good, b"Alice\r\n\t<", b"Alice <"), wanted)
        cases.add(f"fields_name_case_{label}", replaced(good, b"DATE:", b"Date:"), wanted)
        cases.add(f"fields_blank_added_{label}", replaced(good, b"X-Empty:", b"X-Empty:  "), wanted)
        cases.add(f"fields_reordered_{label}",
                  replaced(replaced(good, b"X-Empty:\r\n", b""), b"X-Blank:", b"X-Empty:\r\nX-Blank:"),
                  "pass")
        cases.add(f"fields_colon_blank_{label}", replaced(good, b"To :", b"To:"), wanted)
    twice = FIELDS + [b"X-A: one", b"X-A: two", b"X-A: three"]
    for count in range(5):
        cases.one(f"h_repeated_{count}", "pass", fields=twice, h=NAMES + b":x-a" * count)
    swapped = FIELDS + [b"X-A: two", b"X-A: one", b"X-A: three"]
    for count, expected in ((1, "pass"), (2, "fail"), (3, "fail")):
        field = sign(cases.rsa, twice, h=NAMES + b":x-a" * count)
        cases.add(f"h_repeated_swapped_{count}", message([field] + swapped), expected)
    over = sign(cases.rsa, h=NAMES + b":subject:from:reply-to")
    cases.add("oversigned", message([over] + FIELDS), "pass")
    for extra in (b"Subject: another", b"From: mallory@example.net", b"Reply-To: mallory@x.example"):
        label = extra.split(b":")[0].decode().lower().replace("-", "_")
        for place, fields in (("above", [over, extra] + FIELDS), ("below", [over] + FIELDS + [extra])):
            cases.add(f"oversigned_{label}_added_{place}", message(fields), "fail")
    plain = sign(cases.rsa)
    cases.add("from_added_above", message([plain, b"From: mallory@example.net"] + FIELDS), "pass")
    cases.add("from_added_below", message([plain] + FIELDS + [b"From: mallory@example.net"]), "fail")
    cases.add("unsigned_field_added", message([b"X-New: 1", plain] + FIELDS + [b"X-Newer: 2"]), "pass")
    cases.add("signed_field_removed", message([plain] + FIELDS[:3] + FIELDS[4:]), "fail")
    cases.add("signature_below_all", message(FIELDS + [plain]), "pass")
    cases.add("signature_name_lower", message([b"dkim-signature" + plain[14:]] + FIELDS), "pass")
    cases.add("signature_name_lower_simple", message(
        [sign(cases.rsa, canon="simple/simple", field_name=b"dkim-SIGNATURE")] + FIELDS), "pass")
    cases.one("h_upper_case", "pass", h=NAMES.upper())
    cases.one("h_blanks", "pass", h=b"From : To:\r\n\tSubject :\r\n Date: Message-ID")
    cases.one("h_without_from", "permerror", h=b"to:subject:date")
    cases.one("h_absent", "permerror", h=None, sign_names=NAMES)
    for label, value in (("empty", b""), ("empty_name", b"from::to"), ("colon_first", b":from"),
                         ("colon_last", b"from:to:"), ("blank_inside", b"from:x y:to")):
        cases.one(f"h_{label}", "permerror", h=value)
    cases.one("h_only_from", "pass", h=b"from")
    many = NAMES + b"".join(b":x-name-%d" % i for i in range(900))
    cases.one("h_over_4096", "pass", h=many)
    cases.one("fields_3000", "pass", h=NAMES + b":x-n",
              fields=FIELDS + [b"X-N: %d" % i for i in range(3000)])
    cases.one("field_200_kb", "pass", fields=FIELDS + [b"X-Big: " + b"k" * 200000],
              h=NAMES + b":x-big")
    eight = FIELDS + [b"X-\xe9: eight"]
    cases.one("field_name_8_bit", "pass", fields=eight)
    cases.add("line_without_colon", message([plain] + FIELDS + [b"no colon here"]), "pass")
    noauthor = [b"To: x@example.org", b"Subject: none"]
    cases.one("from_missing", "pass", fields=noauthor, h=b"from:to:subject")
    cases.one("from_empty_address", "pass", fields=[b"From: <>"] + noauthor, h=b"from:to")
    cases.one("from_group", "pass", fields=[b"From: undisclosed:;"] + noauthor, h=b"from:to")
    first = sign(cases.rsa)
    both = sign(cases.rsa, [first] + FIELDS, h=NAMES + b":dkim-signature")
    cases.add("covers_other_signature", message([both, first] + FIELDS), "pass", "pass")
    guarded = sign(cases.rsa, h=NAMES + b":dkim-signature")
    cases.add("own_name_oversigned", message([guarded] + FIELDS), "pass")
    cases.add("own_name_oversigned_then_added", message([first, guarded] + FIELDS), "pass", "fail")
    for count in range(4):
        fields = FIELDS[:count + 2]
        every = b":".join(f.split(b":")[0] for f in fields)
        cases.one(f"h_names_all_{count}", "pass", fields=fields,
                  h=every + b":dkim-signature:x-more")
        broken = sign(cases.rsa, fields, h=every + b":dkim-signature:x-more")
        cases.add(f"h_names_all_changed_{count}",
                  replaced(message([broken] + fields), b"burns", b"burnt"), "fail")


def tags(cases):
    now = cases.now
    one = cases.one
    one("v_absent", "permerror", v=None)
    one("v_2", "permerror", v=b"2")
    one("v_1_0", "permerror", v=b"1.0")
    cases.add("rsa_sha1", signed(cases.rsa, digest="sha1", a=b"rsa-sha1"), "policy")
    one("a_unknown", "permerror", a=b"rsa-md5")
    one("a_absent", "permerror", a=None)
    one("a_upper_case", "pass", a=b"RSA-SHA256")
    for value, expected in ((b"dns/txt", "pass"), (b"dns/txt:http", "pass"), (b"http : dns/txt", "pass"),
                            (b"http", "permerror"), (b"dns", "permerror"), (b"", "permerror")):
        one(f"q_{value.decode().replace('/', '_').replace(':', '_').replace(' ', '') or 'empty'}",
            expected, q=value)
    for offset, expected in ((3600, "pass"), (-100, "pass"), (-350, "permerror"), (-86400, "permerror")):
        one(f"x_{'past' if offset < 0 else 'future'}_{abs(offset)}", expected,
            x=str(now + offset), t=str(now - 200000))
    one("x_not_after_t", "permerror", t=str(now), x=str(now))
    one("x_garbage", "permerror", x=b"tomorrow")
    one("x_12_digits", "pass", x=b"999999999999")
    one("x_13_digits", "permerror", x=b"9999999999999")
    one("t_zero", "pass", t=b"0")
    one("t_future_200", "pass", t=str(now + 200))
    one("t_future_2000", "permerror", t=str(now + 2000))
    one("t_negative", "permerror", t=b"-1")
    one("t_empty", "permerror", t=b"")
    one("i_same", "pass", i=b"alice@example.org")
    one("i_domain_only", "pass", i=b"@example.org")
    one("i_subdomain", "pass", i=b"@mail.example.org")
    one("i_upper_case", "pass", i=b"@MAIL.Example.ORG")
    one("i_quoted_printable", "pass", i=b"ali=40ce@example.org")
    one("i_equals_last", "permerror", i=b"alice@example.org=")
    one("i_300_bytes", "pass", i=b"a" * 300 + b"@example.org")
    one("i_sibling", "permerror", i=b"@example.com")
    one("i_suffix_only", "permerror", i=b"@evilexample.org")
    one("i_parent", "permerror", i=b"@org")
    one("i_without_at", "permerror", i=b"example.org")
    one("i_empty", "permerror", i=b"")
    for label, value in (("blank", b"example .org"), ("underscore_dot", b"example..org"),
                         ("final_dot", b"example.org."), ("empty", b""), ("slash", b"exam/ple.org"),
                         ("long", b"a" * 64 + b".org"), ("at", b"a@example.org")):
        one(f"d_{label}", "permerror", d=value)
    one("d_absent", "permerror", d=None)
    one("d_upper_case", "pass", d=b"EXAMPLE.org")
    one("s_absent", "permerror", s=None)
    one("s_empty", "permerror", s=b"")
    one("s_upper_case", "pass", s=b"RSA")
    cases.zone.add("a.b_c", cases.rsa.record())
    one("s_with_dots", "pass", s=b"a.b_c")
    cases.zone.add("rsa", cases.rsa.record(), b"xn--bcher-kva.example")
    cases.zone.texts["rsa._domainkey.bücher.example".encode()] = [cases.rsa.record()]
    one("d_u_label", "pass", d="bücher.example", fields=FIELDS)
    one("d_a_label", "pass", d=b"xn--bcher-kva.example")
    one("d_u_label_i", "pass", d="bücher.example", i="@xn--bcher-kva.example")
    one("d_not_utf8", "permerror", d=b"b\xfccher.example")
    one("unknown_tag", "pass", zz9_x=b"a:b c=d")
    one("z_garbage", "pass", z=b"From:=|=3D=")
    one("bh_wrong", "fail", bh=base64.b64encode(b"\0" * 32))
    one("bh_short", "permerror", bh=base64.b64encode(b"\0" * 31))
    one("bh_20_bytes", "permerror", bh=base64.b64encode(b"\0" * 20))
    one("bh_garbage", "permerror", bh=b"%%%%")
    one("bh_absent", "permerror", bh=None)
    one("bh_unpadded", "permerror", bh=base64.b64encode(b"\0" * 32).rstrip(b"="))
    one("b_absent", "permerror", b=None)
    one("b_garbage", "permerror", b=b"%%%%")
    one("b_short", "fail", b=b"AAAA")
    one("b_zero", "fail", b=base64.b64encode(b"\0" * 256))
    one("b_huge", "permerror", b=b"A" * 8000)
    good = signed(cases.rsa)
    empty = re.sub(rb"; b=[A-Za-z0-9+/=\r\n ]+\r\nReceived", b"; b=\r\nReceived", good)
    cases.add("b_empty", empty, "permerror")
    cases.add("b_one_letter", re.sub(rb"; b=(.)", lambda m: b"; b=" + (b"B" if m[1] != b"B" else b"C"),
                                     good, 1), "fail")
    layouts = {
        "semicolon_last": lambda p: b" " + b"; ".join(n + b"=" + v for n, v in p) + b";",
        "semicolon_blank_last": lambda p: b" " + b"; ".join(n + b"=" + v for n, v in p) + b";\r\n ",
        "tight": lambda p: b";".join(n + b"=" + v for n, v in p),
        "folded": lambda p: b"\r\n\t" + b";\r\n\t".join(n + b" =\r\n " + v + b" " for n, v in p),
        "b_first": lambda p: b" " + b"; ".join(n + b" = " + v for n, v in [p[-1]] + p[:-1]),
        "b_in_middle": lambda p: b" " + b" ; ".join(
            n + b"\t=\t" + v for n, v in p[:3] + [p[-1]] + p[3:-1]),
        "bh_after_b": lambda p: b" " + b"; ".join(
            n + b"=" + v for n, v in sorted(p, key=lambda pair: pair[0] == b"bh")),
        "decoy_b": lambda p: b" x_b=b=1; " + b"; ".join(n + b"=" + v for n, v in p),
    }
    for label, layout in layouts.items():
        for pair in ("simple/simple", "relaxed/relaxed"):
            one(f"layout_{label}_{pair.split('/')[0]}", "pass", layout=layout, canon=pair)
    one("layout_b_unfolded", "pass", folded=False)
    refused = {
        "double_semicolon": lambda p: b" " + b";; ".join(n + b"=" + v for n, v in p),
        "semicolon_first": lambda p: b" ;" + b"; ".join(n + b"=" + v for n, v in p),
        "no_equals": lambda p: b" flag; " + b"; ".join(n + b"=" + v for n, v in p),
        "digit_first": lambda p: b" 1x=a; " + b"; ".join(n + b"=" + v for n, v in p),
        "control_byte": lambda p: b" y=a\x01b; " + b"; ".join(n + b"=" + v for n, v in p),
        "upper_v": lambda p: b" " + b"; ".join(
            (b"V" if n == b"v" else n) + b"=" + v for n, v in p),
    }
    for label, layout in refused.items():
        one(f"list_{label}", "permerror", layout=layout)
    for name in (b"v", b"a", b"d", b"s", b"h", b"bh", b"t"):
        double = lambda p, name=name: b" " + b"; ".join(n + b"=" + v for n, v in p) + \
            b"; " + name + b"=" + dict(p).get(name, b"1")
        one(f"twice_{name.decode()}", "permerror", layout=double, t=b"1")


def lengths(cases):
    whole = len(canonical_body(BODY, "relaxed"))
    for label, length, expected in (("exact", whole, "pass"), ("short", whole - 3, "pass/tail"),
                                    ("zero", 0, "pass/tail"), ("one", 1, "pass/tail")):
        for pair in ("relaxed/relaxed", "relaxed/simple"):
            size = len(canonical_body(BODY, pair.split("/")[1]))
            value = size if label == "exact" else min(length, size - 1)
            cases.one(f"l_{label}_{pair.split('/')[1]}", expected, length=value, canon=pair)
    cases.one("l_larger", "permerror", l=str(whole + 1))
    cases.one("l_76_digits", "permerror", l=b"9" * 76)
    cases.one("l_77_digits", "permerror", l=b"9" * 77)
    cases.one("l_2_64", "permerror", l=str(2 ** 64))
    cases.one("l_2_64_and_size", "permerror", l=str(2 ** 64 + whole))
    cases.one("l_garbage", "permerror", l=b"12x")
    cases.one("l_negative", "permerror", l=b"-1")
    cases.one("l_empty", "permerror", l=b"")
    cases.one("l_zero_empty_body", "pass", length=0, body=b"")
    field = sign(cases.rsa, length=whole)
    cases.add("l_text_appended", message([field] + FIELDS, BODY + b"Buy now!\r\n"), "pass/tail")
    cases.add("l_empty_lines_appended", message([field] + FIELDS, BODY + b"\r\n\r\n"), "pass")
    cases.add("l_text_in_front", message([field] + FIELDS, b"Buy now!\r\n" + BODY), "fail")
    several = [sign(cases.rsa, length=n) for n in (5, 0, whole, 17)] + [sign(cases.rsa)]
    cases.add("l_several", message(several + FIELDS), "pass/tail", "pass/tail", "pass", "pass/tail",
              "pass")


def keys(cases):
    rsa, ed, key = cases.rsa, cases.ed, cases.key
    for bits, expected in ((512, "policy"), (768, "policy"), (1023, "policy"), (1024, "pass"),
                           (1025, "pass"), (4096, "pass")):
        signer = Rsa(cases.folder, bits)
        key(f"rsa_{bits}", expected, signer.record(), signer=signer)
    large = Rsa(cases.folder, 8192, primes=5)
    key("rsa_8192", "pass", large.record(), signer=large)
    p = b"p=" + rsa.spki
    good = {
        "plain": p, "k_rsa": b"k=rsa; " + p, "k_upper": b"k=RSA; " + p,
        "v_first": b"v=DKIM1; " + p, "blanks": b" v = DKIM1 ;\tk = rsa ;  p = " + rsa.spki + b" ",
        "p_folded": b"v=DKIM1; p=" + rsa.spki[:40] + b" \t" + rsa.spki[40:],
        "semicolon_last": b"v=DKIM1; " + p + b";", "p_first": p + b"; k=rsa",
        "pkcs1": b"v=DKIM1; p=" + rsa.pkcs1, "h_sha256": b"h=sha256; " + p,
        "h_both": b"h=sha1 : sha256; " + p, "s_email": b"s=email; " + p, "s_star": b"s=*; " + p,
        "s_list": b"s=tlsrpt:email; " + p, "n": b"n=a note, with =3B; " + p, "g": b"g=*; " + p,
        "t_y": b"t=y; " + p, "t_s": b"t=s; " + p, "t_unknown": b"t=q:zz; " + p,
        "unknown_tag": b"zz=1; " + p,
    }
    for label, record in good.items():
        key(f"key_{label}", "pass", record)
    bad = {
        "revoked": b"v=DKIM1; p=", "no_p": b"v=DKIM1; k=rsa", "empty": b"",
        "v_late": b"k=rsa; v=DKIM1; " + p, "v_2": b"v=DKIM2; " + p, "v_lower": b"v=dkim1; " + p,
        "k_unknown": b"k=dsa; " + p, "k_twice": b"k=rsa; k=rsa; " + p, "p_twice": p + b"; " + p,
        "h_sha1": b"h=sha1; " + p, "s_other": b"s=tlsrpt; " + p, "p_garbage": b"p=%%%%",
        "p_no_key": b"p=AAAA", "p_cut": b"p=" + rsa.spki[:-16],
        "p_longer": b"p=" + base64.b64encode(base64.b64decode(rsa.spki) + b"\0\0"),
        "p_ed25519": b"p=" + ed.public, "text": b"hello", "no_equals": b"v=DKIM1; x; " + p,
        "nul": b"v=DKIM1; n=a\0b; " + p, "double_semicolon": b"v=DKIM1;; " + p,
    }
    for label, record in bad.items():
        key(f"key_{label}", "permerror", record)
    key("key_absent", "permerror")
    key("key_twice_same", "permerror", rsa.record(), rsa.record())
    key("key_twice_other", "permerror", rsa.record(), large.record())
    key("key_and_other_text", "pass", rsa.record(), b"v=spf1 -all")
    key("key_other_text_first", "pass", b"some text", rsa.record())
    key("key_of_another", "fail", large.record())
    key("key_t_s_subdomain", "permerror", b"t=s; " + p, i=b"@mail.example.org")
    key("key_t_s_same", "pass", b"t=y:s; " + p, i=b"a@example.org")
    key("ed_with_k", "pass", ed.record(), signer=ed)
    key("ed_without_k", "permerror", ed.record(b"v=DKIM1; "), signer=ed)
    key("ed_k_rsa", "permerror", ed.record(b"k=rsa; "), signer=ed)
    key("ed_k_rsa_real", "permerror", rsa.record(), signer=ed)
    key("ed_31_bytes", "permerror", b"k=ed25519; p=" + base64.b64encode(b"\x09" * 31), signer=ed)
    key("ed_33_bytes", "permerror", b"k=ed25519; p=" + base64.b64encode(b"\x09" * 33), signer=ed)
    key("ed_other_key", "fail", Ed25519(b"\x08" * 32).record(), signer=ed)
    key("rsa_k_ed25519", "permerror", ed.record())
    key("rsa_key_k_ed25519", "permerror", b"k=ed25519; " + p)
    cases.zone.mark("temp-servfail", b" TXT !SERVFAIL")
    cases.zone.mark("temp-timeout", b" TXT !TIMEOUT")
    cases.zone.mark("gone", b" !NXDOMAIN")
    cases.zone.mark("nodata", b" A 192.0.2.1")
    for selector, expected in (("temp-servfail", "temperror"), ("temp-timeout", "temperror"),
                               ("gone", "permerror"), ("nodata", "permerror")):
        cases.one(f"dns_{selector.replace('-', '_')}", expected, s=selector.encode())
    cases.one("dns_name_too_long", "permerror",
              s=b".".join([b"a" * 60] * 3), d=b".".join([b"b" * 60] * 2 + [b"org"]))


def several(cases):
    rsa, ed = cases.rsa, cases.ed
    good = sign(rsa)
    pair = [sign(ed, s=b"ed"), good]
    cases.add("two_algorithms", message(pair + FIELDS), "pass", "pass")
    cases.add("temp_beside_pass", message([sign(rsa, s=b"temp-servfail"), good] + FIELDS),
              "temperror", "pass")
    cases.add("bad_beside_pass", message([sign(rsa, a=b"none"), good, sign(rsa, d=b"")] + FIELDS),
              "permerror", "pass", "permerror")
    cases.add("fail_beside_pass", message([sign(rsa, bh=base64.b64encode(b"1" * 32)), good] + FIELDS),
              "fail", "pass")
    kinds = [sign(rsa, canon=pair) for pair in PAIRS] + [sign(ed, s=b"ed", canon=p) for p in PAIRS]
    cases.add("every_canonicalisation", message(kinds + FIELDS), *["pass"] * 8)
    cases.add("ten", message([good] * 10 + FIELDS), *["pass"] * 10)
    cases.add("eleven", message([good] * 11 + FIELDS), *["pass"] * 10, ignored=1)
    cases.add("sixty", message([good] * 60 + FIELDS), *["pass"] * 10, ignored=50)
    cases.add("unsigned", message(FIELDS))
    cases.add("empty_message", b"")
    cases.add("only_signature", message([good], b""), "fail")


def vectors(cases):
    zone = cases.zone
    zone.add("brisbane", RFC6376_KEY, b"example.com")
    for selector, record in RFC8463_KEYS.items():
        zone.add(selector, record, b"football.example.com")
    cases.add("rfc6376_a", crlf(RFC6376_SIGNATURE + RFC_MESSAGE), "pass")
    cases.add("rfc6376_a_changed", replaced(crlf(RFC6376_SIGNATURE + RFC_MESSAGE), b"lost", b"won"),
              "fail")
    cases.add("rfc8463_a", crlf(RFC8463_SIGNATURES + RFC_MESSAGE), "pass", "pass")
    cases.add("rfc8463_a_changed",
              replaced(crlf(RFC8463_SIGNATURES + RFC_MESSAGE), b"dinner", b"supper"), "fail", "fail")


def all_cases(keys_folder, zone, now):
    cases = Cases(keys_folder, zone, now)
    for part in (canonicalisation, headers, tags, lengths, keys, several, vectors):
        part(cases)
    return cases.list
