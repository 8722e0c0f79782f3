"""What columns of HR files are called, in several languages, and the words that statuses are told by. Only data."""

from __future__ import annotations

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

KEY = (
    "worker id",
    "employee id",
    "person id",
    "personnel number",
    "staff id",
    "id",
    "contract number",
    "badge number",
    "personalnummer",
    "mitarbeiternummer",
    "vertragsnummer",
    "matricule",
    "numero de contrat",
    "numero empleado",
    "id empleado",
    "matricola",
    "personeelsnummer",
    "numer pracownika",
    "anställningsnummer",
    "medarbejdernummer",
)  # fmt: skip
LOGIN = (
    "user id",
    "user name",
    "login",
    "account",
    "network id",
    "benutzername",
    "kennung",
    "anmeldename",
    "identifiant",
    "nom utilisateur",
    "usuario",
    "nome utente",
    "gebruikersnaam",
    "nazwa użytkownika",
    "användarnamn",
)  # fmt: skip
STATUS = (
    "status",
    "worker status",
    "employment status",
    "employee status",
    "active",
    "is active",
    "beschäftigungsstatus",
    "aktiv",
    "statut",
    "actif",
    "estado",
    "activo",
    "stato",
    "attivo",
    "actief",
    "dienstverband status",
    "aktywny",
)  # fmt: skip
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "displayName": (
        "display name", "full name", "name", "anzeigename", "nom complet", "nombre completo", "nome completo",
    ),
    "name.givenName": (
        "first name", "given name", "forename", "vorname", "prénom", "nombre", "nome", "voornaam", "imię",
        "förnamn", "fornavn",
    ),
    "name.familyName": (
        "last name", "family name", "surname", "nachname", "familienname", "nom de famille", "nom", "apellido",
        "apellidos", "cognome", "achternaam", "nazwisko", "efternamn", "etternavn",
    ),
    "title": (
        "job title", "title", "position", "role", "rolle", "funktion", "stelle", "berufsbezeichnung", "poste",
        "fonction", "puesto", "cargo", "qualifica", "functie", "stanowisko", "befattning",
    ),
    "userType": (
        "worker type", "employee type", "employment type", "mitarbeitertyp", "type employe", "tipo empleado",
    ),
    "preferredLanguage": (
        "preferred language", "language", "sprache", "langue", "idioma", "lingua", "taal", "język",
    ),
    'emails[type eq "work"].value': (
        "email", "e-mail", "mail", "work email", "email address", "courriel", "correo", "adresse e-mail",
        "posta elettronica",
    ),
    'phoneNumbers[type eq "work"].value': (
        "office phone", "work phone", "phone", "telephone", "telefon", "téléphone", "teléfono", "telefono",
        "telefoon", "dienstlich telefon",
    ),
    'phoneNumbers[type eq "mobile"].value': (
        "mobile phone", "mobile", "cell phone", "handy", "mobiltelefon", "móvil", "portable", "cellulare",
    ),
    'addresses[type eq "work"].streetAddress': (
        "street address", "street", "straße", "strasse", "adresse", "rue", "dirección", "indirizzo", "straat",
        "ulica",
    ),
    'addresses[type eq "work"].locality': (
        "city", "town", "ort", "stadt", "ville", "ciudad", "città", "plaats", "miasto",
    ),
    'addresses[type eq "work"].region': (
        "state", "region", "province", "bundesland", "région", "provincia",
    ),
    'addresses[type eq "work"].postalCode': (
        "zip code", "postal code", "postcode", "plz", "postleitzahl", "code postal", "código postal", "cap",
        "kod pocztowy",
    ),
    'addresses[type eq "work"].country': (
        "country", "country code", "land", "pays", "país", "paese", "kraj",
    ),
    f"{ENTERPRISE}:employeeNumber": (
        "employee number",
    ),
    f"{ENTERPRISE}:organization": (
        "company", "organization", "legal entity", "employer", "agency", "firma", "agentur", "gesellschaft",
        "société", "empresa", "azienda", "bedrijf",
    ),
    f"{ENTERPRISE}:division": (
        "division", "business unit", "bereich", "sparte", "división", "divisione",
    ),
    f"{ENTERPRISE}:department": (
        "department", "abteilung", "département", "service", "departamento", "reparto", "afdeling", "dział",
        "avdelning",
    ),
    f"{ENTERPRISE}:costCenter": (
        "cost center", "cost centre", "kostenstelle", "centre de coût", "centro de coste", "centro di costo",
        "kostenplaats",
    ),
    f"{ENTERPRISE}:manager": (
        "manager id", "manager", "supervisor id", "supervisor", "reports to", "vorgesetzter", "führungskraft",
        "ansprechpartner", "responsable", "jefe", "leidinggevende", "przełożony",
    ),
}  # fmt: skip
ACTIVE = frozenset({
    "active", "aktiv", "actif", "activo", "attivo", "actief", "aktywny", "employed", "current", "yes", "true", "y",
    "t", "1", "a", "ja", "oui", "si", "leave", "extended", "verlängert", "prolongé",
})  # fmt: skip
INACTIVE = frozenset({
    "inactive", "inaktiv", "inactif", "inactivo", "terminated", "retired", "left", "ended", "beendet", "ausgeschieden",
    "gekündigt", "parti", "baja", "cessato", "nieaktywny", "no", "false", "n", "f", "0", "i", "nein", "non",
})  # fmt: skip
DATE_PATTERNS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y%m%d", "%Y-%m-%d %H:%M:%S")
