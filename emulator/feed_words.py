"""The words of generated HR feeds: names in many scripts, places, departments, titles. Nobody real."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where people work. `names` says which names are common there, `phone` and `postcode` hold # for a digit."""

    city: str
    country: str
    region: str
    names: str
    phone: str
    postcode: str
    streets: tuple[str, ...]


GIVEN: dict[str, tuple[str, ...]] = {
    "english": ("Olivia", "Amelia", "Jack", "Noah", "Ava", "Harry", "Grace", "Liam", "Anne-Marie", "T.J."),
    "german": ("Jürgen", "Käthe", "Lukas", "Mia", "Jörg", "Sören", "Änne", "Felix", "Hannelore", "Zoë"),
    "french": ("Chloé", "François", "Élodie", "Hugo", "Noémie", "Jean-Luc", "Inès", "Anaïs", "Gaël", "Océane"),
    "polish": ("Łukasz", "Zofia", "Małgorzata", "Paweł", "Agnieszka", "Stanisław", "Świętosława", "Jan"),
    "turkish": ("İpek", "Çağrı", "Gülşah", "Işıl", "Ömer", "Tuğba", "Yiğit", "Şebnem"),
    "vietnamese": ("Nguyệt", "Thảo", "Đức", "Hương", "Quốc Bảo", "Ánh", "Tuấn"),
    "greek": ("Ελένη", "Γιώργος", "Αθηνά", "Νίκος", "Ξένια", "Σταύρος"),
    "cyrillic": ("Олена", "Дмитро", "Сергей", "Анастасия", "Ірина", "Юрий", "Ђорђе"),
    "chinese": ("伟", "秀英", "子涵", "浩然", "雨桐", "欣怡"),
    "japanese": ("さくら", "陽翔", "美咲", "翔太", "ユイ", "大翔"),
    "korean": ("서연", "민준", "지우", "하은", "도윤"),
    "arabic": ("فاطمة", "محمد", "ليلى", "يوسف", "نور"),
    "hebrew": ("נועה", "דוד", "תמר", "איתי", "יעל"),
    "devanagari": ("आरव", "प्रिया", "विवान", "अनन्या", "कृष्ण"),
    "thai": ("สมชาย", "กนกวรรณ", "ณัฐ", "พิมพ์ชนก"),
    "icelandic": ("Guðrún", "Þór", "Sigurður", "Ásdís", "Björk"),
    "dutch": ("Sanne", "Daan", "Femke", "Jeroen", "Anouk"),
    "spanish": ("José María", "Lucía", "Íñigo", "María del Carmen", "Nuño", "Begoña"),
}
FAMILY: dict[str, tuple[str, ...]] = {
    "english": (
        "Smith",
        "O'Brien",
        "Okafor",
        "McGregor",
        "Taylor-Jones",
        "St. John",
        "Nakamura Reed",
        "Ng",
        "King, Jr.",
    ),
    "german": ("Müller", "Groß", "von der Heide", "Schäfer", "Kühn", "Weiß", "Oßwald", "Öztürk"),
    "french": ("Lefèvre", "D'Aubigné", "Bérénger", "Nuñez", "Le Goff", "Œuvrard"),
    "polish": ("Wiśniewski", "Zając", "Kowalczyk-Nowak", "Wójcik", "Dąbrowska", "Żuk"),
    "turkish": ("Yılmaz", "Çelik", "Şahin", "Öğüt", "Ünal"),
    "vietnamese": ("Nguyễn", "Trần", "Đặng", "Phạm", "Võ"),
    "greek": ("Παπαδόπουλος", "Νικολαΐδου", "Χατζής", "Οικονόμου"),
    "cyrillic": ("Шевченко", "Кузнецова", "Јовановић", "Щербакова", "Ґалаґан"),
    "chinese": ("王", "李", "欧阳", "张", "刘"),
    "japanese": ("佐藤", "髙橋", "渡邊", "鈴木", "ヴァン"),
    "korean": ("김", "이", "남궁", "박"),
    "arabic": ("العلي", "حداد", "بن سعيد", "المصري"),
    "hebrew": ("כהן", "לוי", "בן־דוד", "מזרחי"),
    "devanagari": ("शर्मा", "गुप्ता", "सिंह", "पटेल"),
    "thai": ("ใจดี", "ศรีสุข", "วงศ์สวัสดิ์"),
    "icelandic": ("Jónsdóttir", "Þorsteinsson", "Ægisson"),
    "dutch": ("de Vries", "'t Hooft", "van den Berg", "IJzerman"),
    "spanish": ("García Márquez", "Muñoz", "Ibáñez y Sáenz", "Peña"),
}
FAMILY_FIRST = frozenset({"chinese", "japanese", "korean"})  # written without a blank between
FAMILY_FIRST_SPACED = frozenset({"vietnamese"})

_GERMAN = ("Hauptstraße", "Bahnhofstr.", "Am Grünen Hang", "Gänsemarkt")
PLACES = (
    Place("London", "GB", "Europe", "english", "+44 20 #### ####", "EC#A #BB", ("Mansion Ct", "King's Rd", "High St")),
    Place(
        "Seattle",
        "US",
        "North America",
        "english",
        "+1 206 555 ####",
        "98###",
        ("Legacy Dr", "Woodgrove Way", "5th Ave"),
    ),
    Place("München", "DE", "Europe", "german", "+49 89 ########", "80###", _GERMAN),
    Place("Berlin", "DE", "Europe", "turkish", "+49 30 ########", "10###", _GERMAN),
    Place("Lyon", "FR", "Europe", "french", "+33 4 ## ## ## ##", "69###", ("Rue de l'Église", "Quai Saint-Antoine")),
    Place("Kraków", "PL", "Europe", "polish", "+48 12 ### ## ##", "3#-###", ("ul. Długa", "Rynek Główny")),
    Place("Αθήνα", "GR", "Europe", "greek", "+30 21 #### ####", "10###", ("Λεωφ. Βασιλίσσης Σοφίας", "Ερμού")),
    Place("Київ", "UA", "Europe", "cyrillic", "+380 44 ### ## ##", "01###", ("вул. Хрещатик", "Андріївський узвіз")),
    Place("上海", "CN", "Asia Pacific", "chinese", "+86 21 #### ####", "20####", ("南京路", "淮海中路")),
    Place("東京", "JP", "Asia Pacific", "japanese", "+81 3 #### ####", "1##-####", ("千代田区丸の内", "港区六本木")),
    Place("서울", "KR", "Asia Pacific", "korean", "+82 2 #### ####", "0####", ("종로", "강남대로")),
    Place("دبي", "AE", "Middle East", "arabic", "+971 4 ### ####", "", ("شارع الشيخ زايد",)),
    Place("תל אביב", "IL", "Middle East", "hebrew", "+972 3 ### ####", "6######", ("שדרות רוטשילד", "דיזנגוף")),
    Place("पुणे", "IN", "Asia Pacific", "devanagari", "+91 20 #### ####", "411###", ("लक्ष्मी रोड", "MG Road")),
    Place("กรุงเทพฯ", "TH", "Asia Pacific", "thai", "+66 2 ### ####", "10###", ("ถนนสุขุมวิท",)),
    Place("Hà Nội", "VN", "Asia Pacific", "vietnamese", "+84 24 #### ####", "1#####", ("phố Hàng Bạc",)),
    Place("Reykjavík", "IS", "Europe", "icelandic", "+354 ### ####", "1##", ("Laugavegur", "Þingholtsstræti")),
    Place("'s-Hertogenbosch", "NL", "Europe", "dutch", "+31 73 ### ####", "52## AB", ("Hinthamerstraat",)),
    Place("A Coruña", "ES", "Europe", "spanish", "+34 981 ### ###", "150##", ("Rúa Real", "Avda. de la Marina")),
)
DEPARTMENTS = {
    "Sales": ("Sales Executive", "Account Manager", "Sales Engineer"),
    "Product Engineering": ("Software Developer", "Test Engineer", "Program Manager"),
    "Human Resources": ("HR Partner", "Recruiter"),
    "Finance & Controlling": ("Controller", "Accountant"),
    "Operations": ("Technician", "Shift Lead", "Planner"),
    "Research": ("Scientist", "Lab Assistant"),
}
LEADS = ("Chief Executive Officer", "Vice President", "Director", "Team Lead")
DIVISIONS = ("Electronics", "Food", "Media", "Logistics")
COMPANIES = ("Contoso", "Woodgrove", "Fabrikam")
PRONOUNS = ("SHE/HER", "HE/HIM", "THEY/THEM", "")
AGENCIES = ("northwind staffing", "Adatum", "Proseware")
ROLES = ("Berater", "Entwicklerin", "Projektleitung", "", "Sachbearbeitung")
