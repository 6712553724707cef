"""The web shop: a list of products, read from a file at start."""

import json
import os
import pathlib

import flask

HERE = pathlib.Path(__file__).parent
SETTINGS = json.loads(pathlib.Path(os.environ.get("SHOP_SETTINGS", HERE / "settings.json")).read_text())
PRODUCTS = [json.loads(line) for line in (HERE / "catalog.json").open()]

app = flask.Flask(__name__)


@app.get("/")
def index():
    start = flask.request.args.get("start", 0, type=int)
    page = PRODUCTS[start : start + SETTINGS["page_size"]]
    return flask.render_template("index.html", products=page, version=version())


@app.get("/products/<int:number>")
def product(number):
    if number >= len(PRODUCTS):
        flask.abort(404)
    return flask.jsonify(PRODUCTS[number])


@app.get("/healthz")
def healthz():
    return {"version": version(), "products": len(PRODUCTS)}


def version():
    return (HERE / "VERSION").read_text().strip()
