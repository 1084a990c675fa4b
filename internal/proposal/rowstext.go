package proposal

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/koonti/koonti/internal/content"
)

// rowFault is a message to be, with what stands in it.
type rowFault struct {
	key  string
	args []any
}

func fault(key string, args ...any) *rowFault { return &rowFault{key, args} }

func (p *rowFault) messages() map[content.Language]string {
	out := map[content.Language]string{}
	for i, lang := range content.MessageLanguages {
		out[lang] = fmt.Sprintf(rowMessages[p.key][i], p.args...)
	}
	return out
}

// rowMessages are in the languages of content.MessageLanguages. They are written for
// people who know their table and no programming.
var rowMessages = map[string][3]string{
	"column/unknown":  {"Saraketta ei tunneta. Tunnettuja ovat %s.", "Kolumnen är inte känd. Kända är %s.", "The column is not known. Known are %s."},
	"column/twice":    {"Sarake antaa saman tiedon kuin sarake ”%s”. Poista toinen.", "Kolumnen ger samma uppgift som kolumnen ”%s”. Ta bort den ena.", "The column gives the same as the column “%s”. Remove one of them."},
	"column/language": {"Kieltä ei tunneta. Tunnettuja ovat %s.", "Språket är inte känt. Kända är %s.", "The language is not known. Known are %s."},
	"column/nameless": {"Arvo ”%s” on sarakkeessa, jolla ei ole nimeä otsikkorivillä.", "Värdet ”%s” står i en kolumn utan namn på rubrikraden.", "The value “%s” is in a column that has no name in the first row."},
	"column/many":     {"Sarakkeita on liikaa: enintään %d.", "Kolumnerna är för många: högst %d.", "There are too many columns: at most %d."},
	"row/broken":      {"Riviä ei voi lukea: lainausmerkki puuttuu tai on liikaa.", "Raden kan inte läsas: ett citattecken saknas eller är för mycket.", "The row cannot be read: a quotation mark is missing, or there is one too many."},
	"row/json":        {"Rivi ei ole kelvollista JSONia: virhe on merkissä %d.", "Raden är inte giltig JSON: felet finns vid tecken %d.", "The line is no valid JSON: the mistake is at character %d."},
	"row/object":      {"Rivin pitää olla JSON-olio: { … }.", "Raden ska vara ett JSON-objekt: { … }.", "The line must be a JSON object: { … }."},
	"row/twice":       {"Tunnus ”%s” on jo rivillä %d.", "Beteckningen ”%s” finns redan på rad %d.", "The id “%s” is on row %d already."},
	"row/large":       {"Rivistä tulisi liian suuri tietue.", "Posten skulle bli för stor.", "The record would become too large."},
	"id/none": {"Rivillä ei ole tunnusta (sarake id) eikä nimeä, josta sen voisi tehdä.", "Raden har varken beteckning (kolumnen id) eller en titel som den kunde göras av.",
		"The row has no id, and no title that one could be made of."},
	"id/title": {"Nimestä ”%s” ei voi tehdä tunnusta. Anna se sarakkeessa id.", "Av titeln ”%s” kan ingen beteckning göras. Ge den i kolumnen id.", "No id can be made of the title “%s”. Give one in the column id."},
	"id/unfit": {"”%s” ei kelpaa tunnukseksi: käytä pieniä kirjaimia a–z ja numeroita, ja niiden välissä merkkejä . _ -", "”%s” duger inte som beteckning: använd små bokstäver a–z och siffror, med . _ - emellan",
		"“%s” will not do for an id: use small letters a-z and digits, with . _ - between them"},
	"id/like": {"Tunnus ”%s” on liian samanlainen kuin ”%s”, joka on jo olemassa.", "Beteckningen ”%s” är för lik ”%s”, som redan finns.", "The id “%s” is too like “%s”, which is there."},
	"id/exists": {"Samanniminen tietue ”%[1]s” on jo olemassa. Jos tarkoitat sitä, kirjoita sarakkeeseen id ”%[1]s”; jos et, anna toinen tunnus.",
		"Posten ”%[1]s” med samma titel finns redan. Om du menar den, skriv ”%[1]s” i kolumnen id; om inte, ge en annan beteckning.",
		"There is a record “%[1]s” with the same title. If you mean it, write “%[1]s” in the column id; if not, give another id."},
	"id/unreadable": {"Tiedostoa %s ei voi lukea. Korjaa se ensin.", "Filen %s kan inte läsas. Rätta den först.", "The file %s cannot be read. Put it right first."},
	"id/folder": {"Tietuetta ”%s” ei ole, eikä uutta voi tehdä: malli ei kerro sen kansiota.", "Posten ”%s” finns inte, och en ny kan inte göras: modellen säger inte dess mapp.",
		"There is no record “%s”, and a new one cannot be made: the model does not say in which folder."},
	"cell/failed":   {"Solun kaava ei onnistunut: %s.", "Cellens formel misslyckades: %s.", "The formula of the cell failed: %s."},
	"cell/number":   {"”%s” ei ole luku.", "”%s” är inget tal.", "“%s” is no number."},
	"cell/whole":    {"”%s” ei ole kokonaisluku.", "”%s” är inget heltal.", "“%s” is no whole number."},
	"cell/doubtful": {"Luvusta ”%s” ei selviä, erottaako pilkku tuhannet vai desimaalit. Kirjoita se ilman tuhaterottimia ja desimaalit pisteellä.", "Av ”%s” framgår inte om kommat skiljer tusental eller decimaler. Skriv talet utan tusentalsavgränsare och decimalerna med punkt.", "It is not clear whether the comma in “%s” stands for thousands or decimals. Write it without thousands, and decimals with a point."},
	"cell/boolean":  {"”%s” ei ole kyllä eikä ei.", "”%s” är varken ja eller nej.", "“%s” is neither yes nor no."},
	"cell/enum":     {"Arvo ”%s” ei ole sallittu. Sallittuja ovat %s.", "Värdet ”%s” är inte tillåtet. Tillåtna är %s.", "The value “%s” is not allowed. Allowed are %s."},
	"cell/date":     {"”%s” ei ole päivä. Kirjoita se muodossa 2022-10-01 tai 1.10.2022.", "”%s” är inget datum. Skriv det som 2022-10-01 eller 1.10.2022.", "“%s” is no date. Write it as 2022-10-01 or 1.10.2022."},
	"cell/time":     {"”%s” ei ole aika. Kirjoita se muodossa 2022-10-01T12:00:00Z.", "”%s” är ingen tid. Skriv den som 2022-10-01T12:00:00Z.", "“%s” is no time. Write it as 2022-10-01T12:00:00Z."},
	"cell/object": {"”%s” ei ole JSON-olio. Anna tiedot omissa sarakkeissaan, pisteellä erotettuina, esimerkiksi nimi.fi.", "”%s” är inget JSON-objekt. Ge uppgifterna i egna kolumner, med punkt emellan, till exempel namn.fi.",
		"“%s” is no JSON object. Give its parts in columns of their own, with a dot between, such as name.fi."},
	"cell/list": {"”%s” ei ole JSON-lista. Anna tiedot omissa sarakkeissaan, esimerkiksi kunnat.0.nimi.", "”%s” är ingen JSON-lista. Ge uppgifterna i egna kolumner, till exempel kommuner.0.namn.",
		"“%s” is no JSON list. Give its parts in columns of their own, such as towns.0.name."},
}

// faultColumn is the character, from 1, at which a line is no JSON.
func faultColumn(line string, err error) int {
	var e *content.SyntaxError
	if !errors.As(err, &e) {
		return 1
	}
	return utf8.RuneCountInString(line[:min(e.Offset, len(line))]) + 1
}
