"""A PDF with the XML of Factur-X in it, made and checked by the library of that name. The same bytes at any time.

The library would put its own metadata, dates and attachments in place of Typst's. So it makes the XML, checks it by the
schema and says what belongs into the metadata, and pikepdf adds both to the file. Nothing is compressed here: what zlib
makes depends on the machine.
"""

import logging
from io import BytesIO
from typing import Final

from facturx.facturx import FACTURX_FILENAME, generate_xmp_bytes, xml_check_xsd
from facturx.generate_xml import generate_cii_xml
from lxml import etree
from pikepdf import AttachedFileSpec, Name, ObjectStreamMode, Pdf, StreamDecodeLevel

from app.invoices.factur_x import Incomplete, Terms

PROFILE: Final = "en16931"

_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_SCHEMAS: Final = f".//{{http://www.aiim.org/pdfa/ns/extension/}}schemas/{_RDF}Bag"
_DOCUMENT_TYPE: Final = ".//{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}DocumentType"

logging.getLogger("factur-x").setLevel(logging.CRITICAL)  # what it has to say of an invoice comes as an exception


def with_factur_x(pdf: bytes, terms: Terms) -> bytes:
    """Raises Incomplete if the XML is not what its schema asks for."""
    xml, made = _xml(terms), BytesIO()
    with Pdf.open(BytesIO(pdf)) as file:
        file.attachments[FACTURX_FILENAME] = AttachedFileSpec(
            file,
            xml,
            description="This invoice in the terms of EN 16931",
            filename=FACTURX_FILENAME,
            mime_type="text/xml",
            mod_date=f"D:{terms['BT-2']:%Y%m%d}000000Z",
            relationship=Name.Alternative,
        )
        file.Root.Metadata = file.make_stream(
            _announced(file.Root.Metadata.read_bytes()), Type=Name.Metadata, Subtype=Name.XML
        )
        file.save(
            made,
            compress_streams=False,
            stream_decode_level=StreamDecodeLevel.none,
            object_stream_mode=ObjectStreamMode.disable,
            fix_metadata_version=False,
            deterministic_id=True,
        )
    return made.getvalue()


def _xml(terms: Terms) -> bytes:
    try:
        indented = generate_cii_xml(terms, level=PROFILE, check_xsd=False, check_schematron=None)
        root = etree.fromstring(indented, etree.XMLParser(remove_blank_text=True))
        for element in root.iter():
            element.attrib.pop(_NIL, None)  # the library says it of what is empty, and the schema has no place for it
        etree.cleanup_namespaces(root)
        xml_check_xsd(root, flavor="factur-x", level=PROFILE)
        xml: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    except Exception as error:  # the library raises no narrower one
        raise Incomplete(f"the XML is not valid: {error}") from error
    return xml


def _announced(metadata: bytes) -> bytes:
    """That there is the XML, and of which profile, beside what the metadata says already."""
    ours, theirs = etree.fromstring(metadata), etree.fromstring(generate_xmp_bytes("factur-x", PROFILE, None, {}))
    ours.find(_SCHEMAS).extend(theirs.findall(f"{_SCHEMAS}/{_RDF}li"))
    ours.find(f"{_RDF}RDF").append(theirs.find(f"{_DOCUMENT_TYPE}/.."))
    both: bytes = etree.tostring(ours.getroottree(), encoding="utf-8")
    return both
