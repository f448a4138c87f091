package page

import (
	"fmt"
	"net/http"
	"strings"
)

// language is that of a reader: what the address says, or else what the browser prefers.
func language(r *http.Request) string {
	switch l := r.URL.Query().Get("lang"); l {
	case "de", "en":
		return l
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		switch tag, _, _ = strings.Cut(strings.ToLower(tag), "-"); tag {
		case "de", "en":
			return tag
		}
	}
	return "en"
}

// text gives a text in a language. One that is not there shows its name.
func text(lang, key string, a ...any) string {
	t, ok := texts[key]
	if !ok {
		return key
	}
	s := t[0]
	if lang == "de" {
		s = t[1]
	}
	if len(a) > 0 {
		s = fmt.Sprintf(s, a...)
	}
	return s
}

// texts are in English and German.
var texts = map[string][2]string{
	"overview":     {"Overview", "Übersicht"},
	"consent":      {"Consent", "Einwilligung"},
	"revoke":       {"Revoke the consent", "Einwilligung widerrufen"},
	"registration": {"Registration and devices", "Registrierung und Geräte"},
	"measurements": {"Measurements", "Messungen"},
	"download":     {"Download everything", "Alles herunterladen"},
	"failed":       {"That did not work", "Das ging nicht"},
	"device":       {"Measurement device", "Messgerät"},
	"skip":         {"To the content", "Zum Inhalt"},
	"other":        {"Deutsch", "English"},
	"never":        {"never", "noch nie"},
	"yes":          {"yes", "ja"},
	"no":           {"no", "nein"},

	"not_enrolled": {"This device is not enrolled yet. Who looks after the survey has a token for it.", "Dieses Gerät ist noch nicht angemeldet. Wer die Erhebung betreut, hat ein Token dafür."},
	"unreachable":  {"The data service cannot be reached at the moment. What is on this device is shown; it is sent when the service is back.", "Der Datendienst ist gerade nicht erreichbar. Gezeigt wird, was auf diesem Gerät liegt; es wird gesendet, sobald der Dienst wieder da ist."},
	"service_says": {"The data service answers: %s.", "Der Datendienst antwortet: %s."},
	"form_old":     {"This form is too old, or was sent already. Please go back, load the page again and repeat it.", "Dieses Formular ist zu alt oder wurde schon abgeschickt. Bitte zurückgehen, die Seite neu laden und es wiederholen."},

	"measuring":        {"This device is measuring.", "Dieses Gerät misst."},
	"not_measuring":    {"This device is not measuring.", "Dieses Gerät misst nicht."},
	"why_consent":      {"The household has not consented.", "Der Haushalt hat nicht eingewilligt."},
	"why_ended":        {"The consent was revoked. What was measured here is deleted, and nothing is measured any more.", "Die Einwilligung wurde widerrufen. Was hier gemessen wurde, ist gelöscht, und es wird nichts mehr gemessen."},
	"why_other":        {"It measures only while the data service has confirmed lately that the consent holds, and while its clock is right.", "Es misst nur, solange der Datendienst vor Kurzem bestätigt hat, dass die Einwilligung gilt, und solange die Uhr richtig geht."},
	"lease_h":          {"How long it may measure", "Wie lange es messen darf"},
	"lease_holds":      {"The device may measure until %s without asking again. It asks the data service next at about %s, and each answer moves that time on. If there is no answer until then, it reads no meter any more: what it has measured stays here and is sent when the data service answers, and measuring goes on by itself if your consent still holds. If it was revoked meanwhile, all of it is deleted.", "Das Gerät darf bis %s messen, ohne erneut zu fragen. Es fragt den Datendienst wieder gegen %s, und jede Antwort schiebt diesen Zeitpunkt hinaus. Kommt bis dahin keine Antwort, liest es keinen Zähler mehr: Was gemessen ist, bleibt hier und wird gesendet, sobald der Datendienst antwortet, und das Messen geht von selbst weiter, wenn Ihre Einwilligung noch gilt. Wurde sie inzwischen widerrufen, wird alles gelöscht."},
	"lease_over":       {"The device might measure until %s, and the data service has not confirmed your consent since. It reads no meter until it does, and asks next at about %s. What it has measured stays here and is sent then; if your consent was revoked meanwhile, all of it is deleted.", "Das Gerät durfte bis %s messen, und der Datendienst hat Ihre Einwilligung seither nicht bestätigt. Bis er es tut, liest es keinen Zähler, und es fragt wieder gegen %s. Was gemessen ist, bleibt hier und wird dann gesendet; wurde Ihre Einwilligung inzwischen widerrufen, wird alles gelöscht."},
	"lease_none":       {"Nothing is measured until the household consents.", "Es wird nichts gemessen, bis der Haushalt einwilligt."},
	"lease_ended":      {"Nothing is measured any more, for ever.", "Es wird nie mehr gemessen."},
	"lease":            {"May measure without asking again until", "Darf ohne neue Nachfrage messen bis"},
	"asked":            {"Data service asked last", "Datendienst zuletzt gefragt"},
	"sent":             {"Sent last", "Zuletzt gesendet"},
	"waiting":          {"Measurements that wait here to be sent", "Messungen, die hier auf das Senden warten"},
	"oldest":           {"The oldest of them is of", "Die älteste davon ist von"},
	"dropped":          {"Measurements dropped unsent", "Ungesendet verworfene Messungen"},
	"certificate":      {"Certificate ends", "Zertifikat endet"},
	"version":          {"Version", "Version"},
	"service":          {"Data service", "Datendienst"},
	"problem":          {"Last problem", "Letztes Problem"},
	"incidents":        {"What is wrong", "Was nicht stimmt"},
	"meters":           {"Meters", "Zähler"},
	"meter":            {"Meter", "Zähler"},
	"last_reading":     {"Read last", "Zuletzt gelesen"},
	"last_measurement": {"Measured until", "Gemessen bis"},
	"gaps":             {"Gaps of the last seven days", "Lücken der letzten sieben Tage"},
	"none":             {"none", "keine"},

	"consent_state":     {"State of the consent", "Stand der Einwilligung"},
	"not_granted":       {"not granted", "nicht erteilt"},
	"granted":           {"granted", "erteilt"},
	"revoked":           {"revoked", "widerrufen"},
	"text_version":      {"Text, version %s", "Text, Fassung %s"},
	"grant_about":       {"If you consent, this device reads the meters of your household every quarter of an hour and sends the readings to the data service over an encrypted connection. You can revoke the consent at any time, here, without giving a reason.", "Wenn Sie einwilligen, liest dieses Gerät jede Viertelstunde die Zähler Ihres Haushalts und sendet die Werte verschlüsselt an den Datendienst. Sie können die Einwilligung jederzeit hier widerrufen, ohne Angabe von Gründen."},
	"agree":             {"I have read the text above and consent, for all who live in this household.", "Ich habe den Text oben gelesen und willige ein, für alle, die in diesem Haushalt leben."},
	"agree_missing":     {"Please tick the box if you consent.", "Bitte kreuzen Sie das Feld an, wenn Sie einwilligen."},
	"grant":             {"Consent", "Einwilligen"},
	"not_granted_error": {"The consent was not granted.", "Die Einwilligung wurde nicht erteilt."},
	"revoke_about":      {"You can revoke the consent. This is for ever: the household becomes anonymous, and who wants to take part again registers anew.", "Sie können die Einwilligung widerrufen. Das gilt für immer: Der Haushalt wird anonym, und wer wieder teilnehmen möchte, registriert sich neu."},
	"revoke_ask":        {"Revoke …", "Widerrufen …"},
	"revoke_will":       {"If you go on, then at once:", "Wenn Sie fortfahren, wird sofort:"},
	"revoke_1":          {"nothing is measured any more, and what waits on this device is deleted;", "nichts mehr gemessen und gelöscht, was auf diesem Gerät wartet;"},
	"revoke_2":          {"name, address, contact, serial numbers and incidents are deleted at the data service;", "beim Datendienst Name, Adresse, Kontakt, Seriennummern und Vorfälle gelöscht;"},
	"revoke_3":          {"the place of the household becomes another one in its surroundings, at random, and its identifiers are new ones;", "der Ort des Haushalts zufällig durch einen anderen in der Umgebung ersetzt, und er bekommt neue Kennungen;"},
	"revoke_4":          {"what was measured until now stays, without anything that says whose it is.", "was bis jetzt gemessen wurde, bleibt, ohne dass etwas sagt, von wem es ist."},
	"revoke_download":   {"Download everything first if you want to keep it: afterwards nobody can find your measurements any more.", "Laden Sie vorher alles herunter, wenn Sie es behalten möchten: Danach kann niemand mehr Ihre Messungen finden."},
	"sure":              {"I understand that this cannot be undone.", "Ich verstehe, dass sich das nicht rückgängig machen lässt."},
	"sure_missing":      {"Please tick the box if you are sure.", "Bitte kreuzen Sie das Feld an, wenn Sie sicher sind."},
	"revoke_final":      {"Revoke for ever", "Für immer widerrufen"},
	"back":              {"Back, change nothing", "Zurück, nichts ändern"},
	"not_revoked_error": {"The consent was not revoked. This device measures as before.", "Die Einwilligung wurde nicht widerrufen. Dieses Gerät misst wie zuvor."},
	"receipts":          {"Receipts", "Quittungen"},
	"receipts_about":    {"Each change is signed by the data service. Keep the receipts; they are in the download too.", "Jede Änderung ist vom Datendienst unterschrieben. Bewahren Sie die Quittungen auf; sie sind auch im Download."},
	"at":                {"Time", "Zeit"},
	"state":             {"State", "Stand"},
	"household":         {"Household", "Haushalt"},
	"digest":            {"SHA-256 of the text", "SHA-256 des Textes"},
	"signature":         {"Signature (Ed25519)", "Unterschrift (Ed25519)"},

	"who":            {"Who takes part", "Wer teilnimmt"},
	"name":           {"Name", "Name"},
	"email":          {"E-mail", "E-Mail"},
	"phone":          {"Telephone", "Telefon"},
	"address":        {"Address", "Adresse"},
	"place":          {"Place", "Ort"},
	"registered":     {"Registered", "Registriert"},
	"children":       {"Children", "Kinder"},
	"adults":         {"Adults", "Erwachsene"},
	"employed":       {"of them employed", "davon erwerbstätig"},
	"charger":        {"Charger for a car", "Ladestation"},
	"heatpump":       {"Heat pump", "Wärmepumpe"},
	"battery":        {"Battery", "Batteriespeicher"},
	"pv":             {"Photovoltaic systems", "Photovoltaikanlagen"},
	"nominal":        {"Nominal power, kW", "Nennleistung, kW"},
	"azimuth":        {"Azimuth, °", "Azimut, °"},
	"tilt":           {"Tilt, °", "Neigung, °"},
	"installed":      {"Installed", "Errichtet"},
	"model":          {"Model", "Modell"},
	"serial":         {"Serial number", "Seriennummer"},
	"identifier":     {"Identifier", "Kennung"},
	"devices":        {"Measurement devices", "Messgeräte"},
	"kind":           {"Kind", "Art"},
	"last_seen":      {"Seen last", "Zuletzt gesehen"},
	"registration_h": {"What the data service knows of the household", "Was der Datendienst vom Haushalt weiß"},
	"wrong_data":     {"Something is wrong? Tell those who look after the survey.", "Etwas stimmt nicht? Sagen Sie es denen, die die Erhebung betreuen."},

	"visits":       {"Looked at from afar", "Aus der Ferne angesehen"},
	"visits_about": {"Those who look after the survey can look at this device when something is wrong, for a while and with a reason: what state it is in and what it logs, by a fixed list of commands; what may be done beyond that, as a restart, is shown here. They see no other device of your home. Each time is shown here, and you can end it.", "Wer die Erhebung betreut, kann dieses Gerät ansehen, wenn etwas nicht stimmt, eine Weile lang und mit Begründung: seinen Zustand und was es aufzeichnet, mit einer festen Liste von Befehlen; was darüber hinaus erlaubt ist, etwa ein Neustart, steht hier. Andere Geräte in Ihrem Haushalt sind nicht zu sehen. Jedes Mal steht hier, und Sie können es beenden."},
	"visits_off":   {"Nobody can look at this device from afar.", "Niemand kann dieses Gerät aus der Ferne ansehen."},
	"visit_who":    {"Who allowed it", "Wer es erlaubt hat"},
	"visit_why":    {"Why", "Warum"},
	"visit_may":    {"Allowed beyond looking", "Erlaubt über das Ansehen hinaus"},
	"visit_when":   {"When", "Wann"},
	"visit_now":    {"now, at most until", "jetzt, höchstens bis"},
	"visit_done":   {"What was done", "Was getan wurde"},
	"visit_end":    {"End it now", "Jetzt beenden"},

	"day":          {"Day", "Tag"},
	"show":         {"Show", "Zeigen"},
	"day_before":   {"Day before", "Tag davor"},
	"day_after":    {"Day after", "Tag danach"},
	"nothing":      {"Nothing was measured on this day.", "An diesem Tag wurde nichts gemessen."},
	"chart_import": {"Energy drawn from the grid, kWh per quarter of an hour", "Energie aus dem Netz, kWh je Viertelstunde"},
	"chart_export": {"Energy fed into the grid, kWh per quarter of an hour", "Energie ins Netz, kWh je Viertelstunde"},
	"chart_power":  {"Power at the beginning of each quarter of an hour, kW (negative: fed in)", "Leistung zu Beginn jeder Viertelstunde, kW (negativ: eingespeist)"},
	"about_energy": {"%s kWh in %d of %d quarters of an hour that are known.", "%s kWh in %d von %d Viertelstunden, die bekannt sind."},
	"about_power":  {"Between %s and %s kW, in %d of %d quarters of an hour.", "Zwischen %s und %s kW, in %d von %d Viertelstunden."},
	"table":        {"The same as a table", "Dasselbe als Tabelle"},
	"from":         {"From", "Ab"},
	"drawn":        {"Drawn, kWh", "Bezug, kWh"},
	"fed":          {"Fed in, kWh", "Einspeisung, kWh"},
	"power":        {"Power, kW", "Leistung, kW"},

	"about_download": {
		"All that the survey and this device have of your household.\n\nregistration.json  who takes part, where, and with which devices\nconsent.json       receipts of what was granted and revoked at this device\ndevice.json        how the device stands\nmeasurements.csv   every measurement: meter, beginning of the quarter of an hour (UTC), OBIS code, number as the\n                   meter sent it; the value is that number times ten to the power of scaler, in unit\n",
		"Alles, was die Erhebung und dieses Gerät von Ihrem Haushalt haben.\n\nregistration.json  wer teilnimmt, wo, und mit welchen Geräten\nconsent.json       Quittungen dessen, was an diesem Gerät erteilt und widerrufen wurde\ndevice.json        wie das Gerät steht\nmeasurements.csv   jede Messung: Zähler, Beginn der Viertelstunde (UTC), OBIS-Kennzahl, Zahl wie vom Zähler\n                   gesendet; der Wert ist diese Zahl mal zehn hoch scaler, in unit\n",
	},
	"download_partial": {"THIS IS NOT EVERYTHING: only what is on the device could be read.", "DAS IST NICHT ALLES: Nur was auf dem Gerät liegt, konnte gelesen werden."},
}
