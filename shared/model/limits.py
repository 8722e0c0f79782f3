"""The limits of the services, each written once, with its source and date.

Where Microsoft's pages contradict each other the stricter figure stands (docs/entra.md I).
"""

from __future__ import annotations

from datetime import timedelta

# bulkUpload: API-driven inbound provisioning concepts, 2025-07-24 and the newest copy (docs/entra.md A7)
MAX_OPERATIONS = 50  # operations in one bulk request
UPLOAD_CALLS = 40  # calls ...
UPLOAD_WINDOW = timedelta(seconds=5)  # ... in any such window
DAILY_WINDOW = timedelta(hours=24)
DAILY_CALLS = 2_000  # calls a tenant has in 24 hours with Entra ID P1 or P2
DAILY_CALLS_GOVERNANCE = 6_000  # the same with Entra ID Governance

# "please wait ... and retry": pause 5 to 10 minutes (inbound-provisioning-api-issues, 2025; docs/entra.md A6)
BUCKET_FULL_PAUSE = timedelta(minutes=5)

# Provisioning log: identity and access reports limits, 2026 copy of throttling-limits (docs/entra.md D2)
LOG_CALLS = 5
LOG_WINDOW = timedelta(seconds=10)

# Our own: a drop whose event was missed is found for so long. Retention is never shorter, or a drop whose run was
# forgotten would be taken for a missed one
MISSED_DAYS = 30

# Table storage data model, 2025 (docs/platform.md 5.3: Azurite enforces only the first)
PROPERTY_CHARACTERS = 32_000  # a string property holds 64 KiB of UTF-16: 32,768 characters, less a margin
ENTITY_BYTES = 1_000_000  # an entity holds 1 MiB, less a margin for names and system properties
BATCH_ENTITIES = 100  # entities in one transaction, all of one partition
BATCH_BYTES = 3_500_000  # a transaction's body holds 4 MiB, less a margin

# Longest values of the targets of the default mapping: Microsoft Graph `user` resource, v1.0, 2026 (docs/entra.md C3)
ATTRIBUTE_LENGTHS = {
    "displayName": 256,
    "name.givenName": 64,
    "name.familyName": 64,
    "title": 128,
    "userName": 113,
    "addresses.streetAddress": 1024,
    "addresses.locality": 128,
    "addresses.region": 128,
    "addresses.postalCode": 40,
    "addresses.country": 128,
    "phoneNumbers.value": 64,
    "emails.value": 256,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": 64,
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization": 64,
}
KEY_LENGTH = 150  # an externalId longer than this is no identifier; escaped, it fits a table key (512 characters)

# Reading a drop: our own brakes, so that a broken file cannot take the instance with it
MAX_CELL_CHARACTERS = 100_000
MAX_RECORD_CHARACTERS = 1_000_000  # all cells of a record together, and the longest line
MAX_OPEN_QUOTES = 100  # records with a quote that is never closed; with more, something is wrong with the whole file
MAX_COLUMNS = 2_000
MAX_UNPACKED_BYTES = 4 * 1024**3  # of a gzip or zip archive
MAX_RATIO = 200  # what an archive unpacks to, against its size; text packs to a fifth, at most to a fiftieth
RATIO_COUNTS_FROM = 10 * 1024**2  # a small file of equal lines packs better than any bomb
MAX_WORKBOOK_BYTES = 300 * 1024**2  # the XML of a workbook, which is read as a whole
MAX_SHEET_CELLS = 10_000_000  # the rectangle from A1 to the last cell
MAX_PART_BYTES = 20 * 1024**2  # of the lists of sheets and styles in a workbook
