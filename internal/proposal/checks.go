package proposal

import (
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// texts are what checks say, by language.
func texts(fi, sv, en string, args ...any) map[content.Language]string {
	say := func(text string) string {
		if len(args) == 0 {
			return text
		}
		return fmt.Sprintf(text, args...)
	}
	return map[content.Language]string{"fi": say(fi), "sv": say(sv), "en": say(en)}
}

func (e *examined) contentCheck() content.Check {
	c := content.Check{Name: content.CheckContent, Status: content.CheckPassed, Problems: e.own, Known: e.known}
	switch n := len(e.own); {
	case n == 0:
		c.Summary = texts("Ei uusia ongelmia.", "Inga nya problem.", "No new problems.")
	case n == 1:
		c.Status, c.Summary = content.CheckFailed, texts("1 uusi ongelma.", "1 nytt problem.", "1 new problem.")
	default:
		c.Status, c.Summary = content.CheckFailed, texts("%d uutta ongelmaa.", "%d nya problem.", "%d new problems.", n)
	}
	return c
}

// apiCheck warns of what may break those who query; whether that is meant is for
// reviewers to say.
func (e *examined) apiCheck() content.Check {
	c := content.Check{Name: content.CheckAPI, Status: content.CheckPassed, API: e.api}
	if e.apiError != "" {
		c.Status = content.CheckFailed
		c.Summary = texts("Mallista ei synny GraphQL-rajapintaa: %s", "Modellen ger inget GraphQL-gränssnitt: %s", "The model gives no GraphQL API: %s", e.apiError)
		return c
	}
	breaking, dangerous := 0, 0
	for _, change := range e.api {
		switch change.Severity {
		case content.APIBreaking:
			breaking++
		case content.APIDangerous:
			dangerous++
		}
	}
	if breaking+dangerous > 0 {
		c.Status = content.CheckWarning
	}
	if len(e.api) == 0 {
		c.Summary = texts("GraphQL-rajapinta ei muutu.", "GraphQL-gränssnittet ändras inte.", "The GraphQL API does not change.")
		return c
	}
	c.Summary = texts("GraphQL-rajapinnan muutoksia %d, joista rikkovia %d ja riskialttiita %d.", "%d ändringar i GraphQL-gränssnittet, varav %d brytande och %d riskabla.",
		"%d changes of the GraphQL API, %d of them breaking and %d dangerous.", len(e.api), breaking, dangerous)
	return c
}

func (e *examined) mergeCheck() content.Check {
	c := content.Check{Name: content.CheckMerge, Status: content.CheckPassed}
	switch conflicts, problems := len(e.merged.conflicts), len(e.together); {
	case conflicts > 0:
		c.Status = content.CheckFailed
		c.Summary = texts("Molemmilla puolilla muutettuja kohtia: %d; valitse tai kirjoita arvot.", "Ställen som båda sidor har ändrat: %d; välj eller skriv värden.",
			"Places that both sides changed: %d; choose or write the values.", conflicts)
	case problems > 0:
		c.Status, c.Problems = content.CheckFailed, e.together
		c.Summary = texts("Ehdotus ja haara ovat kumpikin kunnossa, mutta yhdessä niissä on ongelmia: %d.", "Förslaget och grenen är var för sig i ordning, men har problem tillsammans: %d.",
			"The proposal and the branch are each right, but have problems together: %d.", problems)
	case e.nothing:
		c.Status = content.CheckFailed
		c.Summary = texts("Ehdotus ei muuta mitään: haarassa on jo kaikki.", "Förslaget ändrar ingenting: grenen har redan allt.", "The proposal changes nothing: the branch has it all.")
	default:
		c.Summary = texts("Voidaan yhdistää.", "Kan slås ihop.", "It can be merged.")
	}
	return c
}
