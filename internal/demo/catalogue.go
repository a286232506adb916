package demo

// persona is a way to shop. Shares are of all customers; visits are a day, the others are chances.
type persona struct {
	name     string
	share    float64
	visits   float64
	cart     float64 // a visit fills a cart
	buy      float64 // a filled cart is bought
	refund   float64 // an order comes back
	coupon   float64
	maxItems int
	fades    bool // visits end at some time before the opening
	business bool
}

var personas = []persona{
	{name: "browser", share: 0.27, visits: 0.6, cart: 0.25, buy: 0.35, refund: 0.04, coupon: 0.1, maxItems: 2},
	{name: "regular", share: 0.30, visits: 0.35, cart: 0.45, buy: 0.6, refund: 0.05, coupon: 0.15, maxItems: 3},
	{name: "devoted", share: 0.12, visits: 0.9, cart: 0.5, buy: 0.75, refund: 0.03, coupon: 0.1, maxItems: 4},
	{name: "bargain hunter", share: 0.14, visits: 0.5, cart: 0.6, buy: 0.3, refund: 0.1, coupon: 0.7, maxItems: 3},
	{name: "fading", share: 0.10, visits: 0.4, cart: 0.4, buy: 0.6, refund: 0.05, coupon: 0.1, maxItems: 3, fades: true},
	{name: "business", share: 0.07, visits: 0.25, cart: 0.6, buy: 0.8, refund: 0.02, coupon: 0, maxItems: 24, business: true},
}

// category holds what a shop sells of one kind; prices in rupiah.
type category struct {
	name      string
	products  int
	low, high int
	words     []string // that people search for
}

var categories = []category{
	{"fashion", 240, 45_000, 650_000, []string{"batik shirt", "linen dress", "hijab", "denim jacket"}},
	{"electronics", 120, 75_000, 9_500_000, []string{"wireless earbuds", "power bank", "4k tv", "rice cooker"}},
	{"groceries", 300, 8_000, 180_000, []string{"organic rice", "sambal", "instant noodles", "palm sugar"}},
	{"beauty", 180, 25_000, 480_000, []string{"sunscreen", "serum", "lip tint", "face wash"}},
	{"home", 160, 30_000, 3_200_000, []string{"bed sheet", "rattan chair", "wok", "desk lamp"}},
	{"sports", 110, 60_000, 2_400_000, []string{"running shoes", "badminton racket", "yoga mat", "cycling jersey"}},
	{"books", 200, 35_000, 250_000, []string{"novel", "cook book", "exam practice", "comic"}},
	{"toys", 90, 20_000, 900_000, []string{"building blocks", "puzzle", "board game", "doll"}},
	{"baby", 80, 30_000, 1_600_000, []string{"nappies", "stroller", "baby carrier", "milk bottle"}},
	{"coffee", 60, 40_000, 420_000, []string{"gayo beans", "toraja beans", "drip bags", "grinder"}},
	{"office", 100, 15_000, 4_800_000, []string{"copy paper", "office chair", "printer ink", "whiteboard"}},
	{"automotive", 70, 25_000, 1_900_000, []string{"helmet", "engine oil", "phone holder", "rain coat"}},
}

// contacts are how customers may be reached, in turn: the channel that they prefer, and those that they allowed. The shipped schemas do not
// declare these attributes; those of examples/cartabandonment do.
var contacts = []struct {
	preferred string
	consents  []string
}{
	{"whatsapp", []string{"whatsapp", "email"}}, {"email", []string{"email"}}, {"whatsapp", []string{"whatsapp"}}, {"sms", []string{"sms", "email"}},
	{"whatsapp", []string{"email"}}, {"email", []string{}}, {"email", []string{"email", "whatsapp", "sms"}},
}

// place is a city with what the profile says of it.
type place struct {
	city, province, country, postal, climate, zone string
	weight                                         float64
}

var places = []place{
	{"Jakarta", "Jakarta", "ID", "101", "tropical", "Asia/Jakarta", 16},
	{"Bekasi", "West Java", "ID", "171", "tropical", "Asia/Jakarta", 5},
	{"Tangerang", "Banten", "ID", "151", "tropical", "Asia/Jakarta", 5},
	{"Depok", "West Java", "ID", "164", "tropical", "Asia/Jakarta", 4},
	{"Bogor", "West Java", "ID", "161", "tropical", "Asia/Jakarta", 3},
	{"Bandung", "West Java", "ID", "401", "highland", "Asia/Jakarta", 10},
	{"Surabaya", "East Java", "ID", "602", "tropical", "Asia/Jakarta", 11},
	{"Malang", "East Java", "ID", "651", "highland", "Asia/Jakarta", 4},
	{"Semarang", "Central Java", "ID", "501", "tropical", "Asia/Jakarta", 6},
	{"Yogyakarta", "Yogyakarta", "ID", "552", "tropical", "Asia/Jakarta", 6},
	{"Medan", "North Sumatra", "ID", "201", "tropical", "Asia/Jakarta", 7},
	{"Palembang", "South Sumatra", "ID", "301", "tropical", "Asia/Jakarta", 4},
	{"Denpasar", "Bali", "ID", "801", "tropical", "Asia/Makassar", 5},
	{"Makassar", "South Sulawesi", "ID", "902", "tropical", "Asia/Makassar", 6},
	{"Manado", "North Sulawesi", "ID", "951", "tropical", "Asia/Makassar", 2},
	{"Balikpapan", "East Kalimantan", "ID", "761", "tropical", "Asia/Makassar", 3},
	{"Pontianak", "West Kalimantan", "ID", "781", "tropical", "Asia/Pontianak", 2},
	{"Jayapura", "Papua", "ID", "991", "tropical", "Asia/Jayapura", 2},
	{"Singapore", "Singapore", "SG", "0491", "tropical", "Asia/Singapore", 2},
	{"Melbourne", "Victoria", "AU", "30", "temperate", "Australia/Melbourne", 1},
}

var (
	firstNames = []string{
		"adi", "agus", "ayu", "bagus", "bayu", "budi", "citra", "dewi", "dian", "dimas", "eka", "fajar", "fitri", "galih", "hana",
		"hendra", "indah", "intan", "joko", "kartika", "kevin", "laras", "lestari", "made", "maya", "mega", "nadia", "nina", "nyoman",
		"oka", "putri", "rahma", "rangga", "ratna", "rini", "rizki", "sari", "sinta", "surya", "tari", "taufik", "tika", "utami",
		"vina", "wahyu", "wati", "wulan", "yanti", "yoga", "yusuf", "zahra",
	}
	genders       = []string{"female", "male"}
	educations    = []string{"secondary", "diploma", "bachelor", "master"}
	occupations   = []string{"student", "teacher", "engineer", "nurse", "civil_servant", "entrepreneur", "designer", "driver", "homemaker", "sales"}
	maritals      = []string{"single", "married", "married", "divorced"}
	ethnicities   = []string{"Javanese", "Sundanese", "Batak", "Bugis", "Balinese", "Minangkabau", "Betawi", "Malay", "Papuan"}
	lifestyles    = []string{"active", "family", "foodie", "traveller", "homebody", "tech", "luxury"}
	interests     = []string{"running", "cycling", "cooking", "gaming", "travel", "music", "gardening", "football", "badminton", "photography", "reading", "fashion"}
	values        = []string{"sustainability", "family", "saving", "quality", "local_products", "convenience", "status"}
	personalities = []string{"open", "planner", "impulsive", "curious", "loyal", "careful"}
	acquisitions  = []string{"organic", "search", "social", "referral", "marketplace", "store"}
	industries    = []string{"retail", "hospitality", "restaurant", "catering", "education", "manufacturing", "logistics", "technology", "healthcare"}
	companySizes  = []string{"1-10", "11-50", "51-200", "201-1000", "1001+"}
	structures    = []string{"independent", "branches", "franchise", "subsidiary"}
	jobRoles      = []string{"owner", "procurement", "office_manager", "it_manager", "director"}
	companyNames  = []string{"Nusantara", "Sinar", "Merdeka", "Cahaya", "Mandiri", "Bahari", "Garuda", "Melati", "Lestari", "Jaya"}
	companyKinds  = []string{"Retail", "Hotel", "Logistik", "Teknologi", "Klinik", "Akademi", "Pangan"}
	coupons       = []string{"HEMAT10", "GAJIAN", "ONGKIR0", "TEMAN25"}
	pages         = []string{"/", "/sale", "/new", "/help", "/stores", "/account"}
	bargains      = []string{"promo ", "diskon ", "murah ", ""}
	referrers     = []string{"search", "social", "direct", "newsletter"}
)

// tiers are the loyalty tiers by what was spent in rupiah, highest first.
var tiers = []struct {
	name  string
	spent int
}{
	{"platinum", 40_000_000},
	{"gold", 15_000_000},
	{"silver", 5_000_000},
}
