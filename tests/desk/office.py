"""People at the desk, as the tests need them: they read pages, follow links and fill in forms, and nothing else."""

import io
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

BANNER, OTHER = "示例旗", "示例县"
PASSWORDS = {name: f"{name}-password" for name in ("office", "teller", "scrutineer", "staff", "viewer", "assessor")}
ROSTER = (
    "姓名,旗县,职务,派出单位,派驻天数\n"
    "示例甲,示例旗,队长,示例厅,250\n示例乙,示例旗,副队长,示例局,241.5\n示例丙,示例旗,成员,,\n示例丁,示例县,队长,示例委,300\n"
)
VOID = {"input", "br", "img", "meta", "link", "hr", "path", "rect"}


@dataclass
class Field:
    """One control of a form."""

    name: str
    kind: str
    value: str = ""
    checked: bool = False
    id: str = ""
    options: list = field(default_factory=list)


@dataclass
class Form:
    """A form as the page offers it."""

    method: str
    action: str
    fields: list = field(default_factory=list)

    def names(self):
        return {each.name for each in self.fields}

    def filled(self, **given):
        """What a browser would post: the form's own values, and those typed. A field the form lacks cannot be filled."""
        data = {}
        for each in self.fields:
            if each.kind == "select":
                chosen = [o for o in each.options if o[1]] or each.options[:1]
                data[each.name] = chosen[0][0] if chosen else ""
            elif each.kind in ("checkbox", "radio"):
                if each.checked:
                    data.setdefault(each.name, []).append(each.value or "on")
            elif each.kind != "file" and each.name:
                data[each.name] = each.value
        unknown = set(given) - self.names()
        assert not unknown, f"the form {self.action} has no {unknown}, only {self.names()}"
        return data | given


class Page(HTMLParser):
    """What a person and a browser see of a page."""

    def __init__(self, html, url=""):
        super().__init__()
        self.html, self.url = html, url
        self.forms, self.links, self.headings, self.labels, self.ids = [], [], [], set(), []
        self.title, self.text, self.unlabelled = "", "", []
        self.scripts, self.styles = [], []
        self._in, self._select, self._area = [], None, None
        self.feed(html)
        self.alone = self._named()

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if tag not in VOID:
            self._in.append(tag)
        if at.get("id"):
            self.ids.append(at["id"])
        if "style" in at:
            self.styles.append(tag)
        if tag == "form":
            self.forms.append(Form(at.get("method", "get").lower(), urljoin(self.url, at.get("action") or self.url)))
        elif tag == "a" and "href" in at:
            self.links.append(at["href"])
        elif tag == "label":
            self.labels.add(at.get("for", ""))
        elif tag == "script":
            self.scripts.append(at.get("src"))
        elif tag == "style":
            self.styles.append("style")
        elif tag in ("input", "select", "textarea") or (tag == "button" and at.get("name")):
            kind = {"select": "select", "textarea": "textarea", "button": "button"}.get(tag) or at.get("type", "text")
            made = Field(at.get("name", ""), kind, at.get("value", ""), "checked" in at, at.get("id", ""))
            made.labelled = any(key in at for key in ("aria-label", "aria-labelledby", "title"))
            if self.forms and "form" in self._in:
                self.forms[-1].fields.append(made)
            self._select = made if tag == "select" else self._select
            self._area = made if tag == "textarea" else self._area
            self.unlabelled.append(made)
        elif tag == "option" and self._select is not None:
            self._select.options.append((at.get("value", ""), "selected" in at))

    def handle_endtag(self, tag):
        while self._in and tag in self._in and self._in.pop() != tag:
            pass
        if tag == "select":
            self._select = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data):
        if "title" in self._in:
            self.title += data
        elif self._in and self._in[-1] == "h1":
            self.headings.append(data)
        if self._area is not None:
            self._area.value += data
        if "script" not in self._in:
            self.text += data

    def _named(self):
        """Controls without a name for a screen reader."""
        return [
            each.name
            for each in self.unlabelled
            if each.kind not in ("hidden", "button", "submit") and not each.labelled and each.id not in self.labels
        ]  # fmt: skip

    def form(self, ending):
        """The form whose address ends so."""
        for each in self.forms:
            if unquote(urlsplit(each.action).path).endswith(ending):
                return each
        raise AssertionError(f"no form to {ending} on {self.url}: {[each.action for each in self.forms]}")


class Person:
    """One signed-in browser without a script."""

    def __init__(self, app):
        self.client = app.test_client()
        self.page = None

    def get(self, url, status=200):
        """Opens a page."""
        return self._read(self.client.get(url, follow_redirects=True), status)

    def fill(self, ending, status=200, **fields):
        """Fills in and sends a form of the page that is open; files as (name, content)."""
        form = self.page.form(ending)
        files = {
            name: value
            for name, value in fields.items()
            if isinstance(value, (tuple, list)) and value and isinstance(value[-1], (bytes, tuple))
        }
        data = form.filled(**fields)
        for name, value in files.items():
            many = value if isinstance(value, list) else [value]
            data[name] = [(io.BytesIO(content), called) for called, content in many]
        url = urlsplit(form.action)
        target = url.path + (f"?{url.query}" if url.query else "")
        kind = {"content_type": "multipart/form-data"} if files else {}
        return self._read(self.client.post(target, data=data, follow_redirects=True, **kind), status)

    def _read(self, response, status):
        html = response.get_data(as_text=True)
        assert response.status_code == status, (
            response.request.path,
            response.status_code,
            " ".join(Page(html).text.split())[:900],
        )
        self.page = Page(html, response.request.path)
        return self.page


def welcome(app, secret, password):
    """Whoever holds a one-time link chooses a password and is in."""
    person = Person(app)
    person.get(f"/desk/welcome/{secret}")
    person.fill(f"/welcome/{secret}", password=password, again=password)
    return person


def sign_in(app, name, status=200, password=""):
    """Signs in by the page."""
    person = Person(app)
    person.get("/desk/sign-in")
    person.fill("/sign-in", status, account=name, password=password or PASSWORDS[name])
    return person


def account(office, app, name, roles, banner=""):
    """The office makes an account; its holder uses the link."""
    office.get("/desk/accounts/new")
    page = office.fill("/accounts/new", account=name, title=f"示例{name}", roles=roles, banner=banner)
    secret = page.html.split("/desk/welcome/")[1].split("<")[0].strip()
    return welcome(app, secret, PASSWORDS[name])


def both(**wrong):
    """Both officers' passwords, as they re-enter them."""
    return {"teller_password": PASSWORDS["teller"], "scrutineer_password": PASSWORDS["scrutineer"]} | wrong
