package server

import (
	"slices"
	"strings"

	"github.com/koonti/koonti/internal/content"
)

// phrase is said in Finnish, Swedish and English: the order of content.MessageLanguages.
type phrase [3]string

// in says the phrase in lang, or in English where lang is not spoken; the arguments, in
// pairs, are what {names} in it stand for.
func (p phrase) in(lang content.Language, args ...string) string {
	i := slices.Index(content.MessageLanguages, lang)
	if i < 0 {
		i = len(p) - 1
	}
	return strings.NewReplacer(args...).Replace(p[i])
}

// feedTexts are what the feeds say.
var feedTexts = struct {
	changes, proposals, somewhere, more, commit, nobody, field, before, after, omitted, unreadable phrase
}{
	changes:    phrase{"Muutokset", "Ändringar", "Changes"},
	proposals:  phrase{"Ehdotukset", "Förslag", "Proposals"},
	somewhere:  phrase{"koko tietue", "hela posten", "the whole record"},
	more:       phrase{"ja {n} muuta", "och {n} till", "and {n} more"},
	commit:     phrase{"Versio", "Version", "Commit"},
	nobody:     phrase{"tuntematon", "okänd", "unknown"},
	field:      phrase{"Kenttä", "Fält", "Field"},
	before:     phrase{"Ennen", "Före", "Before"},
	after:      phrase{"Jälkeen", "Efter", "After"},
	omitted:    phrase{"Arvot jätettiin pois, koska syöte olisi liian pitkä.", "Värdena utelämnades, eftersom flödet skulle bli för långt.", "The values were left out: the feed would be too long."},
	unreadable: phrase{"Tiedostoa ei voi lukea muutoksen jälkeen.", "Filen kan inte läsas efter ändringen.", "The file cannot be read after the change."},
}

// kindTexts say in a title what a change did; fieldTexts say it of the fields named.
var (
	kindTexts = map[content.ChangeKind]phrase{
		content.Created:   {"luotu", "har skapats", "created"},
		content.Updated:   {"muutettu", "har ändrats", "changed"},
		content.Renamed:   {"tunnus vaihdettu: {was} → {id}", "nytt id: {was} → {id}", "renamed: {was} → {id}"},
		content.Deleted:   {"poistettu", "har tagits bort", "deleted"},
		content.Formatted: {"muotoiltu", "har formaterats", "formatted"},
		content.Overruled: {"yhdistäminen valitsi toisen arvon", "en sammanslagning valde ett annat värde", "a merge took another value"},
	}
	fieldTexts = map[content.ChangeKind]phrase{
		content.Updated:   {"{fields} muutettu", "ändring i {fields}", "{fields} changed"},
		content.Overruled: {"yhdistäminen valitsi toisen arvon: {fields}", "en sammanslagning valde ett annat värde: {fields}", "a merge took another value: {fields}"},
	}
)
