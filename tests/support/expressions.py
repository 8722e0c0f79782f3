"""The examples of Microsoft's reference for expressions in attribute mappings, with the values it gives for them.

Both evaluators run them: the one that `rollcall setup` uses, and the emulator's, which knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """One example: the function whose section it stands in, the record, and the value. `here` is False where `shared`
    leaves the answer to Entra."""

    function: str
    expression: str
    value: str | list[str] | None
    record: dict[str, str] = field(default_factory=dict)
    here: bool = True

    def __str__(self) -> str:
        return f"{self.function}: {self.expression}"


JOHN = {"PreferredFirstName": "John", "PreferredLastName": "Smith"}
HIRED = {"StatusHireDate": "2012-03-16-07:00"}
UPN = 'Join("@", NormalizeDiacritics(StripSpaces(Join(".",  {}, [PreferredLastName]))), "contoso.com")'
STATES = (
    'Switch([state], "Australia/Sydney", "NSW", "Australia/Sydney","QLD", "Australia/Brisbane", "SA", '
    '"Australia/Adelaide")'
)
PREFIX = 'IgnoreFlowIfNullOrEmpty(Switch([prefix], "", "3443", "Dr.", "3444", "Prof.", "3445", "Prof. Dr."))'
PHONE = r'Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )'
OTHER_PHONE = (
    r'Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", "phoneNumber" , , [mobile], )'
)
LATE = '"8/25/2021 5:41:18 PM", "3/16/2012 7:00:00 AM"'

EXAMPLES = (
    Example(
        "Append", 'Append([userPrincipalName], ".test")', "John.Doe@contoso.com.test",
        {"userPrincipalName": "John.Doe@contoso.com"},
    ),
    Example("BitAnd", "BitAnd(&HF, &HF7)", "7"),
    Example("CBool", "CBool([attribute1] = [attribute2])", "True", {"attribute1": "a", "attribute2": "a"}),
    Example("CBool", "CBool([attribute1] = [attribute2])", "False", {"attribute1": "a", "attribute2": "b"}),
    Example("CDate", "CDate([StatusHireDate])", "3/16/2020 7:00:00 AM", {"StatusHireDate": "2020-03-16-07:00"}),
    Example("CDate", 'CDate("2021-06-30+08:00")', "6/29/2021 4:00:00 PM"),
    Example("CDate", 'CDate("2009-06-15T01:45:30-07:00")', "6/15/2009 8:45:30 AM"),
    Example(
        "Coalesce", "Coalesce([mail],[userPrincipalName])", "John.Doe@contoso.com",
        {"userPrincipalName": "John.Doe@contoso.com"},
    ),
    Example("Coalesce", "Coalesce([mail],[userPrincipalName])", None),
    Example("ConvertToBase64", 'ConvertToBase64("Hello world!")', "SABlAGwAbABvACAAdwBvAHIAbABkACEA"),
    Example("ConvertToUTF8Hex", 'ConvertToUTF8Hex("Hello world!")', "48656C6C6F20776F726C6421"),
    Example("CStr", "CStr([dn])", "cn=Joe,dc=contoso,dc=com", {"dn": "cn=Joe,dc=contoso,dc=com"}),
    Example("DateAdd", 'DateAdd("d", 7, CDate([StatusHireDate]))', "3/23/2012 7:00:00 AM", HIRED, here=False),
    Example("DateAdd", 'DateAdd("d", -10, CDate([StatusHireDate]))', "3/6/2012 7:00:00 AM", HIRED, here=False),
    Example("DateAdd", 'DateAdd("ww", 2, CDate([StatusHireDate]))', "3/30/2012 7:00:00 AM", HIRED, here=False),
    Example("DateAdd", 'DateAdd("m", 10, CDate([StatusHireDate]))', "1/16/2013 7:00:00 AM", HIRED, here=False),
    Example("DateAdd", 'DateAdd("yyyy", 2, CDate([StatusHireDate]))', "3/16/2014 7:00:00 AM", HIRED, here=False),
    Example("DateDiff", 'DateDiff("d", "2021-08-18+08:00", "2021-08-31+08:00")', "13", here=False),
    Example("DateDiff", f'DateDiff("d", {LATE})', "-3449", here=False),
    Example("DateDiff", f'DateDiff("ww", {LATE})', "-493", here=False),
    Example("DateDiff", f'DateDiff("m", {LATE})', "-113", here=False),
    Example("DateDiff", f'DateDiff("yyyy", {LATE})', "-9", here=False),
    Example("DateDiff", 'DateDiff("d", "2021-08-31+08:00", "2021-08-31+08:00")', "0", here=False),
    Example("DateDiff", 'DateDiff("h", "2021-08-24", "2021-08-25")', "24", here=False),
    Example("DateDiff", 'DateDiff("n", "2021-08-24", "2021-08-25")', "1440", here=False),
    Example("DateDiff", 'DateDiff("s", "2021-08-24", "2021-08-25")', "86400", here=False),
    Example("DateFromNum", "DateFromNum(129699324000000000)", "1/1/2012 11:00:00 PM"),
    Example(
        "FormatDateTime", 'FormatDateTime([extensionAttribute1], , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")', "2015-01-23",
        {"extensionAttribute1": "20150123105347.1Z"},
    ),
    Example("IgnoreFlowIfNullOrEmpty", "IgnoreFlowIfNullOrEmpty([department])", None),
    Example("IgnoreFlowIfNullOrEmpty", PREFIX, None, {"prefix": "1"}),
    Example("IgnoreFlowIfNullOrEmpty", PREFIX, "Prof.", {"prefix": "3444"}),
    Example("IIF", 'IIF([country]="USA",[country],[department])', "USA", {"country": "USA", "department": "Sales"}),
    Example("IIF", 'IIF([country]="USA",[country],[department])', "Sales", {"country": "DE", "department": "Sales"}),
    Example("IIF", 'IIF(IsNullOrEmpty([telephoneNumber]),"000-000-0000",[telephoneNumber])', "000-000-0000"),
    Example("InStr", 'InStr("The quick brown fox","quick")', "5"),
    Example("InStr", 'InStr("repEated","e",3,"vbBinaryCompare")', "7"),
    Example("IsNull", "IsNull([displayName])", "True"),
    Example("IsNullOrEmpty", "IsNullOrEmpty([displayName])", "True", {"displayName": ""}),
    Example("IsPresent", "IsPresent([displayName])", "False", {"displayName": ""}),
    Example("Item", 'Item(Split([proxyAddresses], ","), 1)', "a@b.c", {"proxyAddresses": "a@b.c,d@e.f"}),
    Example("Left", 'Left("John Doe", 3)', "Joh"),
    Example("Left", 'Left("John Doe", 0)', ""),
    Example("Left", 'Left("John Doe", -1)', "John Doe"),
    Example("Left", 'Left("John Doe", 20)', "John Doe"),
    Example("Left", "Left([nobody], 3)", ""),
    Example("Mid", "Mid([givenName], 3, 9)", "hn", {"givenName": "John"}),
    Example("NormalizeDiacritics", "NormalizeDiacritics([givenName])", "Zoe", {"givenName": "Zoë"}),
    Example("NormalizeDiacritics", 'NormalizeDiacritics("äãåąæçďęğïıłñőøœřßšťűýž")', "aaaaaecdegiilnooeoerssstuyz"),
    Example("NormalizeDiacritics", 'NormalizeDiacritics("ÆÇĎĘĞÏİŁÑŐØŒŘŠŤŰÝŽ")', "AECDEGIILNOOEOERSTUYZ"),
    Example("Not", "Not([active])", "True", {"active": "False"}),
    Example("Not", "Not([active])", "True", {"active": "anything else"}),
    Example(
        "NumFromDate",
        'NumFromDate(Join("", FormatDateTime([ContractEndDate], ,"yyyy-MM-ddzzz", "yyyy-MM-dd"), " 23:59:59-08:00"))',
        "132539615990000000", {"ContractEndDate": "2020-12-31-08:00"},
    ),
    Example(
        "NumFromDate",
        'NumFromDate(Join("",FormatDateTime([endDate], ,"M/d/yyyy hh:mm:ss tt","yyyy-MM-dd")," 23:59:59-08:00"))',
        "132539615990000000", {"endDate": "12/31/2020 12:00:00 AM"},
    ),
    Example("PCase", "PCase([firstName])", "Pablo Gonsalves (Second)", {"firstName": "PABLO GONSALVES (SECOND)"}),
    Example("PCase", "PCase([lastName],\" '-\")", "Pinto-De'Silva", {"lastName": "PINTO-DE'SILVA"}),
    Example(
        "PCase", 'PCase(Join(" ",[firstName],[lastName]))', "Gregory James",
        {"firstName": "GREGORY", "lastName": "JAMES"},
    ),
    Example(
        "RemoveDuplicates", 'RemoveDuplicates(Split([proxyAddresses], ","))', ["a", "b"], {"proxyAddresses": "a,b,a"}
    ),
    Example(
        "Replace", 'Replace([BusinessTitle],"Product Developer", , , "Software Engineer", , )', "Software Engineer",
        {"BusinessTitle": "Product Developer"},
    ),
    Example(
        "Replace", 'Replace([UserID],"<username>", , , , , "<username>@contoso.com")', "jsmith@contoso.com",
        {"UserID": "jsmith"},
    ),
    Example("Replace", PHONE, "9998887777", {"telephoneNumber": "+91 9998887777"}),
    Example("Replace", r'Replace([mobile], , "[()\\s-]+", , "", , )', "+19998887777", {"mobile": "+1 (999) 888-7777"}),
    Example(
        "Replace", r'Replace([AddressLineData], ,"(?<streetNumber>^\\d*)","streetNumber", "888", , )',
        "888 Tremont Street", {"AddressLineData": "545 Tremont Street"},
    ),
    Example(
        "Replace", 'Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , )', "jsmith",
        {"userPrincipalName": "jsmith@contoso.com"},
    ),
    Example("Replace", OTHER_PHONE, "8887779999", {"telephoneNumber": "", "mobile": "+91 8887779999"}),
    Example("Replace", OTHER_PHONE, "8887779999", {"mobile": "+91 8887779999"}),
    Example("Replace", OTHER_PHONE, "1", {"telephoneNumber": "1", "mobile": "+91 8887779999"}),
    Example("Replace", 'Replace([mailNickname], , "[a-zA-Z_]*", , "", , )', "72", {"mailNickname": "john_doe72"}),
    Example("Replace", 'Replace([mail], "@contoso.com", , ,"", ,)', "john.doe", {"mail": "john.doe@contoso.com"}),
    Example(
        "SelectUniqueValue",
        f"SelectUniqueValue({UPN.format('[PreferredFirstName]')}, {UPN.format('Mid([PreferredFirstName], 1, 1)')})",
        "John.Smith@contoso.com", JOHN, here=False,
    ),
    Example(
        "Split", 'Split([extensionAttribute5], ",")', ["PermissionSetOne", "PermissionSetTwo"],
        {"extensionAttribute5": "PermissionSetOne, PermissionSetTwo"},
    ),
    Example("StripSpaces", "StripSpaces([name])", "abc", {"name": "a b c"}),
    Example("Switch", STATES, "Australia/Brisbane", {"state": "QLD"}),
    Example("Switch", STATES, "Australia/Sydney", {"state": "qld"}),
    Example("Switch", 'Switch([statusFlag], "Default Value", "true", "1", "", "0")', "0"),
    Example("Switch", 'Switch(ToLower([statusFlag]), "0", "true", "1", "false", "0")', "1", {"statusFlag": "TRUE"}),
    Example("ToLower", f"ToLower({UPN.format('[PreferredFirstName]')})", "john.smith@contoso.com", JOHN),
    Example("ToUpper", "ToUpper([name])", "ADA", {"name": "ada"}),
    Example("Word", 'Word("The quick brown fox",3," ")', "brown"),
    Example("Word", 'Word("This,string!has&many separators",3,",!&#")', "has"),
    Example("Word", 'Word("The quick brown fox",0," ")', ""),
    Example("Word", 'Word([nobody],1," ")', ""),
    Example(
        "Examples", "Append(Mid([givenName], 1, 3), Mid([surname], 1, 5))", "JohDoe",
        {"givenName": "John", "surname": "Doe"},
    ),
    Example("Syntax", r'"Company name: \"Contoso\""', 'Company name: "Contoso"'),
)  # fmt: skip
