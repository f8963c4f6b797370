"""Accounts by name: from code and from a TOML file, refused at the start with file, line and remedy."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from delivrd import Account, AccountError, Accounts, Cause, Registry, load_accounts, read_accounts
from delivrd.tomlplaces import line_of

PROVIDERS = Registry.installed()
TELI = PROVIDERS["teli"]
SECRET = "hunter2-is-no-secret"


def read(text: str, **sources):
    return read_accounts("accounts.toml", text.encode(), PROVIDERS, **sources)


def refusal(text: str | bytes, **sources) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(AccountError) as raised:
        read_accounts("accounts.toml", data, PROVIDERS, **sources)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None
    return str(raised.value)


WHOLE = """\
[accounts.main]
provider = "messente-legacy"
secrets = ["number-one", {env = "OLD"}, {file = "new.txt"}]
username = "name"
password = {env = "PASSWORD"}
zone = "Europe/Tallinn"
addresses = ["192.0.2.0/24"]
public_url = "https://gateway.test/dlr/main"
max_body = 1000

[[accounts.main.meanings]]
field = "err"
rows = [{code = "009", status = "rejected", final = true, cause = "opted_out", meaning = "said by support"}]

[accounts.mails]
provider = "upside-wireless"
open = true
settings = {token = {env = "PASSWORD"}, signature = "s", mail_patterns = ["{trackingid}: {status}"]}
"""


def test_a_file_gives_accounts_in_order_with_their_providers():
    files = {"new.txt": b"number-three\r\n"}
    accounts = read(WHOLE, environ={"OLD": "number-two", "PASSWORD": "word"}, read_file=files.__getitem__)
    assert list(accounts) == ["main", "mails"]
    provider, main = accounts["main"]
    assert provider is PROVIDERS["messente-legacy"]
    assert main.name == "main"
    assert main.secrets == ("number-one", "number-two", "number-three")
    assert (main.username, main.password, main.zone) == ("name", "word", "Europe/Tallinn")
    assert (main.addresses, main.public_url, main.max_body) == (
        ("192.0.2.0/24",),
        "https://gateway.test/dlr/main",
        1000,
    )
    assert main.meanings[0].rows[0].cause is Cause.OPTED_OUT
    _, mails = accounts["mails"]
    assert mails.settings == {"token": "word", "signature": "s", "mail_patterns": ["{trackingid}: {status}"]}
    assert mails.open


def test_a_file_on_disk_names_secrets_beside_it_and_in_the_environment(tmp_path, monkeypatch):
    (tmp_path / "secret.txt").write_text("from a file\n")
    monkeypatch.setenv("DELIVRD_TEST_SECRET", "from the environment")
    file = tmp_path / "accounts.toml"
    file.write_text(
        '[accounts.us]\nprovider = "teli"\nsecrets = [{env = "DELIVRD_TEST_SECRET"}, {file = "secret.txt"}]\n'
    )
    _, account = load_accounts(str(file), PROVIDERS)["us"]
    assert account.secrets == ("from the environment", "from a file")
    with pytest.raises(AccountError, match=r"nowhere.toml: expected a file that can be read: No such file"):
        load_accounts(str(tmp_path / "nowhere.toml"), PROVIDERS)


START = '[accounts.us]\nprovider = "teli"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: expected at least one account"),
        ("[accounts]\n", "line 1: expected at least one account"),
        ("accounts = 7\n", "line 1: expected at least one account"),
        ('\n[account.us]\nprovider = "teli"\n', "line 2: expected accounts only, each a table [accounts.NAME]"),
        ("[accounts]\n\nus = 7\n", "line 3: expected a table: [accounts.NAME]"),
        (
            "[accounts.us]\n",
            "line 1: provider: expected the name of a provider; installed: kannel, messente-legacy, ",
        ),
        (
            '[accounts.us]\nprovider = "telly"\n',
            "line 2: provider: no provider has this name; did you mean teli?",
        ),
        ("[accounts.us]\nprovider = 7\n", "line 2: provider: expected the name"),
        (START + f'secret = "{SECRET}"\n', "line 3: unknown field; did you mean secrets?"),
        (START + 'name = "x"\n', "line 3: unknown field; did you mean username? expected: provider, secrets"),
        (START + f'secrets = "{SECRET}"\n', "line 3: secrets: Expected `array`, got `str`"),
        (
            START + f'secrets = [\n  "{SECRET}",\n  7,\n]\n',
            "line 3: secrets[1]: Expected `str`, got `int`",
        ),
        (START + 'secrets = [""]\n', "line 3: secrets[0]: expected a text that is not blank"),
        (START + 'secrets = ["us"]\n', "line 3: secrets[0]: it is the account's name"),
        (START + 'secrets = [{env = "NOT_SET"}]\n', "secrets[0]: the environment has no variable of this name; set it"),
        (
            START + 'secrets = [{env = "EMPTY"}]\n',
            "secrets[0]: the variable is empty; an empty secret admits everybody",
        ),
        (START + 'secrets = [{file = "none.txt"}]\n', "secrets[0]: the file cannot be read: no such file"),
        (START + 'secrets = [{file = "latin.txt"}]\n', "secrets[0]: the file: expected UTF-8"),
        (START + 'secrets = [{file = "blank.txt"}]\n', "secrets[0]: the file is empty"),
        (START + 'secrets = [{environ = "A"}]\n', 'secrets[0]: expected a text, {env = "NAME"} or {file = "PATH"}'),
        (START + 'secrets = [{env = "EMPTY", file = "x"}]\n', "line 3: secrets[0]: expected a text, {env"),
        (START + "secrets = [{env = 7}]\n", "secrets[0]: expected a text, {env"),
        (START + "password = {env = 7}\n", "line 3: password: expected a text, {env"),
        (START + '# a comment\n\nzone = "Mars"\n', "line 5: zone: expected a name such as 'Europe/Tallinn'"),
        (START + 'addresses = ["300.1.1.1"]\n', "line 3: addresses[0]: expected an IP network"),
        (START + 'open = "yes"\n', "line 3: open: Expected `bool`, got `str`"),
        (START + "open = true\nmax_body = 0\n", "line 4: max_body: expected a number of bytes above 0"),
        (START + "open = true\nsettings = {x = 1}\n", "line 4: teli, settings: unknown field; expected: judge_by_text"),
        (
            START + 'open = true\n[[accounts.us.meanings]]\nfield = "x"\nrows = []\n\n'
            '[[accounts.us.meanings]]\nrows = []\nfield = "status"\nrule = 1\n',
            "line 11: meanings[1]: unknown field; expected: field, rows, replace",
        ),
        (
            START + "open = true\n[[accounts.us.meanings]]\nfield = 'status'\n"
            "rows = [\n {code = '1', status = 'sent', fina = true},\n]\n",
            "line 6: meanings[0].rows[0]: unknown field; did you mean final?",
        ),
        (START + "open = true\nmeanings = [7]\n", "line 4: meanings[0]: Expected `object`, got `int`"),
        (
            START + "open = true\nmeanings = [{rows = 7}]\n",
            "line 4: meanings[0].rows: Expected `array`, got `int`",
        ),
        (
            START + 'open = true\n[[accounts.us.meanings]]\nfield = "colour"\nrows = []\n',
            "line 5: meanings[0].field: no field of this name; expected one of: ",
        ),
        (
            "[accounts.up]\n"
            + 'provider = "upside-wireless"\nopen = true\n[accounts.up.settings]\nsoap_version = "2"\n',
            "line 5: upside-wireless, settings: soap_version: it holds a value that cannot be meant",
        ),
        (
            "[accounts.up]\n" + 'provider = "upside-wireless"\nopen = true\nsettings = {token = {env = "NOT_SET"}}\n',
            "line 4: settings.token: the environment has no variable of this name",
        ),
        (START, "line 1: teli has no way to prove an input for this account"),
        ('[accounts."a b"]\nprovider = "teli"\nopen = true\n', "line 1: name: expected letters, digits"),
        ('[accounts."../x"]\nprovider = "teli"\nopen = true\n', "line 1: name: expected letters"),
        (
            '[accounts.up]\nprovider = "upside-wireless"\nusername = "n"\n',
            "line 1: upside-wireless has no way",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_file_line_and_remedy(text, said):
    files = {"latin.txt": b"\xe4", "blank.txt": b"\n"}

    def read_file(name: str) -> bytes:
        if name not in files:
            raise OSError
        return files[name]

    message = refusal(text, environ={"EMPTY": ""}, read_file=read_file)
    assert message.startswith("accounts.toml: line ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (START + f"secrets = [{SECRET}]\n", "line 3, column 12"),
        (START + f'secrets = ["{SECRET}', "line 3, at the end"),
        (START + START, "line 3, column 13"),
        (b"# \xff\n", "line 1"),
        (b'[accounts.us]\r\nprovider = "teli"\r\nsecrets = ["\xff"]\r\n', "line 3"),
    ],
)
def test_what_is_no_toml_is_refused_at_its_place_and_not_shown(text, said):
    wanted = "UTF-8" if isinstance(text, bytes) else "TOML; put texts in quotation marks"
    assert refusal(text).startswith(f"accounts.toml: {said}: expected {wanted}")


def test_what_is_nested_without_end_is_refused():
    assert refusal("a = " + "[" * 100_000) == "accounts.toml: expected TOML that is not nested so deep"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("", " is empty; an empty secret admits everybody"),
        ("\r\n", " is empty; an empty secret admits everybody"),
        (" \t\n", " holds nothing but blanks; write the secret in it"),
        (f"\ufeff{SECRET}", " begins with a byte-order mark; save it without one"),
        (
            f"{SECRET}\nold",
            " holds a line end inside, or more than one at the end; write one secret in it, on one line",
        ),
        (f"\n{SECRET}", " holds a line end inside"),
        (f"{SECRET}\r\n\r\n", " holds a line end inside, or more than one at the end"),
        (f"{SECRET}\0", " holds a NUL; write the secret in it as text"),
    ],
)
def test_a_secret_from_outside_that_cannot_be_meant_is_refused_and_not_shown(held, said):
    for source, name, said_of in (("file", "s.txt", "file"), ("env", "S", "variable")):
        message = refusal(
            START + f'secrets = ["number-one", {{{source} = "{name}"}}]\n',
            environ={"S": held},
            read_file=lambda name: held.encode(),
        )
        assert message.startswith(f"accounts.toml: line 3: secrets[1]: the {said_of}{said}")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_line_end_after_a_secret_is_no_part_of_it_wherever_it_stands(end):
    held = f" {SECRET}\t{end}"
    text = START + 'secrets = [{env = "S"}, {file = "s.txt"}]\n'
    _, account = read(text, environ={"S": held}, read_file=lambda name: held.encode())["us"]
    assert account.secrets == (f" {SECRET}\t",) * 2


def test_a_variable_that_is_no_utf_8_is_refused_for_that_reason():
    # As Python gives the bytes of a variable that it cannot read.
    held = (SECRET.encode() + b"\xff").decode("utf-8", "surrogateescape")
    message = refusal(START + 'secrets = [{env = "S"}]\n', environ={"S": held})
    assert message == "accounts.toml: line 3: secrets[0]: the variable: expected UTF-8; write the secret in it anew"


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    file = tmp_path / "accounts.toml"
    file.write_text(START + 'secrets = [{file = "a\\u0000b"}]\n')
    with pytest.raises(AccountError) as raised:
        load_accounts(str(file), PROVIDERS)
    said = r"line 3: secrets[0]: no file can have this name; give another"
    assert str(raised.value) == f"{file}: {said}"
    with pytest.raises(AccountError, match=r"'a\\x00b': expected the name of a file"):
        load_accounts("a\0b", PROVIDERS)


def test_a_number_of_more_digits_than_python_reads_is_refused_at_its_line():
    text = START + f'zone = "UTC"\n\nmax_body = {"9" * 5000}\n[accounts.next]\nprovider = "teli"\n'
    assert refusal(text) == "accounts.toml: line 5: expected a number of fewer digits"
    # Whatever is wrong after it, the parser did not get there.
    assert refusal(text + "[[[") == refusal(text)


def test_line_ends_of_windows_and_a_byte_order_mark_move_no_line():
    text = START + 'zone = "Mars"\n'
    data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert refusal(data) == refusal(text)
    assert "line 3" in refusal(data)


def test_no_file_is_read_where_none_is_allowed():
    assert "no files are read here" in refusal(START + 'secrets = [{file = "x"}]\n')


def test_a_broken_plugin_or_a_plain_mapping_of_providers_is_told_of_at_its_line():
    with pytest.raises(AccountError, match="line 2: provider: no provider has this name; did you mean teli"):
        read_accounts("a.toml", b'[accounts.us]\nprovider = "telli"\n', {"teli": TELI})


def test_an_account_for_asking_alone_needs_no_proof():
    accounts = read('[accounts.poll]\nprovider = "messente-legacy"\nusername = "n"\npassword = "p"\n')
    assert not accounts["poll"][1].secrets


def test_accounts_made_in_code_are_checked_alike():
    account = Account(name="us", secrets=["a-long-word"])
    accounts = Accounts([(TELI, account)])
    assert dict(accounts) == {"us": (TELI, account)}
    assert len(accounts) == 1
    assert repr(accounts) == "Accounts(us: teli)"
    with pytest.raises(AccountError, match="two accounts are named us"):
        Accounts([(TELI, account), (TELI, Account(name="us", open=True))])
    with pytest.raises(AccountError, match="name: expected letters"):
        Accounts([(TELI, Account(open=True))])
    with pytest.raises(AccountError, match=r"\(ways that it knows: UrlSecret, AllowedAddresses\); give it secrets"):
        Accounts([(TELI, Account(name="us"))])


PLACES = [
    "{raw}",
    "{raw} = 1",
    "[{raw}]",
    "{key} = 1\n",
    "[{key}]\nprovider = 'teli'",
    "[accounts.{raw}]",
    "[accounts.{key}]",
    "[accounts.{key}]\nprovider = 'teli'\nopen = true",
    "[accounts.{key}]\nprovider = 'teli'\nsecrets = [{text}]",
    "accounts = {text}",
    START + "{raw}",
    START + "{raw} = 1",
    START + "{key} = 1",
    START + "{key} = 1\n{key} = 2",
    START + "{key} = {{a = 1}}\n[accounts.us.{key}]",
    START + "[accounts.us.{raw}]",
    START + "[accounts.us.{key}]",
    START + "[accounts.us.secrets.{key}]",
    START + "[accounts.us]\n[accounts.us.{key}]",
    START + "zone = 'Mars' # {raw}",
    START + "open = yes # {raw}",
    START + 'secrets = ["{raw}',
    START + "secrets = '{raw}",
    START + 'secrets = ["""{raw}"]',
    START + "secrets = [{raw}]",
    START + "secrets = {raw}",
    START + "secrets = {text}",
    START + "secrets = {text} {text}",
    START + "secrets = [{text}, 7]",
    START + "secrets = {{{key} = 1}}",
    START + "secrets = [{{{key} = 'x'}}]",
    START + "secrets = [{{env = {text}}}]",
    START + "secrets = [{{env = 'HELD'}}]\nzone = 7",
    START + "secrets = [{{env = 'HELD_TWICE'}}]",
    START + "secrets = [{{file = {text}}}]",
    START + "secrets = [{{env = {text}, file = {text}}}]",
    START + "password = {{env = {text}}}",
    START + "password = [{text}]",
    START + "username = [{text}]",
    START + "zone = {text}",
    START + "addresses = [{text}]",
    START + "addresses = {text}",
    START + "open = {text}",
    START + "max_body = {text}",
    START + "public_url = [{text}]",
    START + "message_ids = {{sent = {text}}}",
    START + "message_ids = {{{key} = 1}}",
    START + "open = true\nsettings = {text}",
    START + "open = true\nsettings = {{{key} = 1}}",
    START + "open = true\nsettings = {{judge_by_text = {text}}}",
    START + "open = true\nmeanings = [{text}]",
    START + "open = true\nmeanings = [{{{key} = 1}}]",
    START + "open = true\nmeanings = [{{field = {text}, rows = []}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = {text}}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = [{{{key} = 1}}]}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = [{{code = {text}}}]}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = [{{code = {text}, meaning = 'x', final = true}}]}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = [{{code = [{text}, 'x'], meaning = 'x'}}]}}]",
    START + "open = true\nmeanings = [{{field = 'status', rows = [{{code = '1', status = {text}}}]}}]",
    START
    + "open = true\nmeanings = [{{field = 'status', rows = [{{code = {text}, meaning = 'x'}}, {{code = {text}, meaning = 'y'}}]}}]",
    "[accounts.us]\nprovider = {text}",
    "[accounts.us]\nprovider = {raw}",
    "[accounts.us]\nprovider = {{{key} = 1}}",
    "[accounts.up]\nprovider = 'upside-wireless'\nopen = true\nsettings = {{soap_version = {text}}}",
    "[accounts.up]\nprovider = 'upside-wireless'\nopen = true\nsettings = {{token = {{env = {text}}}}}",
]
"""Where a secret can come to stand by mistake: bare, quoted, and as a quoted key."""


def shown(error: BaseException | None) -> str:
    """All that a log or a traceback can show of an error, and of those that it came from."""
    if error is None:
        return ""
    parts = [str(error), repr(error), *map(repr, getattr(error, "__notes__", ()))]
    return "\n".join([*parts, shown(error.__cause__), shown(error.__context__)])


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_in_any_place_of_a_file_is_in_no_message_about_it(place):
    refused = 0

    # Ten characters and more, of which one is a digit, are in none of our own words.
    @given(st.from_regex(r"[A-Za-z0-9+/=_.~$@:#,' -]{5,20}[0-9][A-Za-z0-9]{5}", fullmatch=True))
    @example("hunter2-is-no-secret1")
    @example("6f1ed002ab5595859014ebf0951522d9")
    @settings(max_examples=25, database=None, derandomize=True)
    def check(secret):
        nonlocal refused
        quoted = json.dumps(secret)
        text = place.format(raw=secret, key=quoted, text=quoted)

        def read_file(name):
            raise OSError(2, "No such file or directory", name)

        environ = {"HELD": secret, "HELD_TWICE": f"{secret}\n{secret}"}
        try:
            read_accounts("accounts.toml", text.encode(), PROVIDERS, environ=environ, read_file=read_file)
            return
        except AccountError as error:
            refusal = error
        refused += 1
        assert secret not in shown(refusal)
        assert str(refusal).startswith("accounts.toml: line ")

    check()
    assert refused


@pytest.mark.parametrize("secret", ["a", "1234567", "   short   "])
def test_a_short_secret_is_refused_wherever_it_stands_with_a_way_to_make_a_long_one(secret):
    remedy = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(24))"'
    said = f"secrets[0]: expected at least 8 characters; {remedy}"
    with pytest.raises(AccountError) as in_code:
        Accounts([(TELI, Account(name="us", secrets=[secret]))])
    assert str(in_code.value) == said
    for spelling in (json.dumps(secret), '{env = "S"}', '{file = "s.txt"}'):
        text = START + f"secrets = [{spelling}]\n"
        message = refusal(text, environ={"S": secret}, read_file=lambda name: secret.encode())
        assert message == f"accounts.toml: line 3: {said}"


def test_a_blank_secret_is_refused_wherever_it_stands():
    for blank in (" ", "\t" * 20, "\u3000" * 20):
        with pytest.raises(AccountError, match=r"secrets\[1\]: expected a text that is not blank"):
            Account(secrets=["a-long-word", blank])
        assert "line 3: secrets[0]: expected a text that is not blank" in refusal(
            START + f"secrets = [{json.dumps(blank)}]\n"
        )


@st.composite
def documents(draw):
    """TOML with values in many layouts, and for each the line on which it begins."""
    lines, places = [], {}
    for table in range(draw(st.integers(1, 4))):
        lines.append(f"[t{table}]")
        places[(f"t{table}",)] = len(lines)
        for key in range(draw(st.integers(0, 4))):
            lines.extend(draw(st.lists(st.sampled_from(["", "# a comment", "  # [t0]"]), max_size=2)))
            value = draw(
                st.sampled_from(
                    [
                        "1",
                        "'[t0]'",
                        '"""\n[t0]\nk0 = 1\n"""',
                        "[\n 1, # ]\n\n 2,\n]",
                        "{a = 1, b = [2, 3]}",
                        "'''\n\"\"\"'''",
                        "''''[\n#'''''",
                        '""""a\\"""\n\\\n]"""""',
                        '"\\\\"  # "[{',
                        r"'\'  # ]",
                        '["#", "\\"[", \'"\', [\n[]], {a = "}"}]',
                    ]
                )
            )
            places[(f"t{table}", f"k{key}")] = len(lines) + 1
            lines.extend(f"k{key} = {value}".split("\n"))
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n# end\n"])), places


@given(documents())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_the_line_of_a_value_is_found_whatever_stands_around_it(written):
    text, places = written
    for path, line in places.items():
        assert line_of(text, path) == line
        assert line_of(text, (*path, "missing", 7)) == line


@pytest.mark.parametrize("layout", ["secrets = [\n{}]\n", "{}"])
def test_the_line_is_found_in_a_long_document_with_few_looks_at_it(layout, monkeypatch):
    looks = []
    loads = tomllib.loads

    def counted(text):
        looks.append(text)
        return loads(text)

    monkeypatch.setattr(tomllib, "loads", counted)
    text = "[t]\n" + layout.format('"aa",\n' * 3000 if "[" in layout else "# a comment\n" * 3000) + "open = 1\n"
    assert line_of(text, ("t", "open")) == text.count("\n")
    assert len(looks) < 15
