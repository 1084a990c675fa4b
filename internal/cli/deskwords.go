package cli

import (
	"fmt"

	"github.com/koonti/koonti/internal/content"
)

// deskText is what the commands for proposals say in one language.
type deskText struct {
	states   map[content.ProposalState]string
	verdicts map[content.Verdict]string
	statuses map[content.CheckStatus]string
	checks   map[content.CheckName]string
	// refused says why, by reason, before the English words of the refusal; "" in English,
	// where those say it.
	refused map[content.RefusalReason]string

	approved, changesRequested, commented, rebased, reopened string
	opened                                                   string // state, author, when
	lies                                                     string // branch, head, target
	mergedAs                                                 string // commit
	asked                                                    string // names
	said                                                     string // name, when
	outdated, superseded                                     string
	known                                                    [2]string // problems that were there before: one, several
	none, total1, total                                      string    // of a list
	clean1, clean                                            string    // edits without problems: one, several
	refers                                                   string    // path, place, target
	takeSide, putAside, carry, pushBranch                    string    // what to do about a refusal
	row, cell                                                string    // row, message; row, column, message
	nothing, skipRows                                        string    // nothing was proposed; what to do about rows
	left                                                     [2]string // rows that were left out: one, several
}

var deskWords = map[content.Language]*deskText{
	"fi": {
		states:   map[content.ProposalState]string{content.ProposalOpen: "avoinna", content.ProposalMerged: "julkaistu", content.ProposalClosed: "suljettu"},
		verdicts: map[content.Verdict]string{content.VerdictApproved: "hyväksyi", content.VerdictChangesRequested: "pyytää muutoksia", content.VerdictCommented: "katselmoi"},
		statuses: map[content.CheckStatus]string{content.CheckPassed: "kunnossa", content.CheckWarning: "huomaa", content.CheckPending: "odottaa", content.CheckFailed: "este"},
		checks:   map[content.CheckName]string{content.CheckContent: "sisältö", content.CheckAPI: "rajapinta", content.CheckMerge: "yhdistäminen", content.CheckOwners: "omistajat", content.CheckReviews: "katselmointi"},
		refused: map[content.RefusalReason]string{
			content.RefusedEdit: "muutosta ei voi tehdä", content.RefusedEmpty: "mikään ei muuttuisi", content.RefusedInvalid: "sisältöön tulisi ongelmia",
			content.RefusedDangling: "viittaukset jäisivät tyhjän päälle", content.RefusedConflict: "molemmilla puolilla on muutettu samaa kohtaa",
			content.RefusedOutdated: "tämä on tehty vanhentuneelle versiolle", content.RefusedState: "ehdotuksen tila ei salli tätä", content.RefusedApproval: "hyväksyntä puuttuu",
			content.RefusedWorkTree: "tallettamaton työ on tiellä", content.RefusedForge: "palvelin ei salli tätä",
		},
		approved: "hyväksytty", changesRequested: "muutoksia pyydetty", commented: "kommentoitu", rebased: "tuotu ajan tasalle", reopened: "avattu uudelleen",
		opened: "%s, tekijä %s, avattu %s", lies: "%s (%s), kohti haaraa %s", mergedAs: "julkaistu: %s", asked: "katselmoijiksi pyydetty: %s", said: "%s kommentoi, %s",
		outdated: " (aiempaa versiota)", superseded: " (katselmoi sittemmin uudelleen)", known: [2]string{"1 ongelma oli ennestään.", "%d ongelmaa oli ennestään."},
		none: "Sellaista ehdotusta ei ole.", total1: "1 ehdotus.", total: "%d ehdotusta.", clean1: "1 muutos, ei uusia ongelmia.", clean: "%d muutosta, ei uusia ongelmia.",
		refers:     "%s %s viittaa tietueeseen %s",
		takeSide:   "Valitse puoli (base ennen, ours haara, theirs ehdotus): %s\nOman arvon voi antaa tiedostossa: --resolve TIEDOSTO.",
		putAside:   "Tämä panee ne talteen: git stash -u -- %s",
		carry:      "--carry vie uuden tunnuksen viittauksiin; poistossa --carry --to TUNNUS siirtää viittaukset toiseen tietueeseen.",
		pushBranch: "Oman haarasi commitit ehdotetaan lähettämällä haara: git push origin HEAD:proposals/NIMI",
		row:        "rivi %d: %s", cell: "rivi %d, sarake %s: %s",
		nothing: "Mitään ei ehdotettu.", skipRows: "Korjaa rivit, tai jätä ne pois: --skip-bad-rows.",
		left: [2]string{"1 rivi jätettiin pois.", "%d riviä jätettiin pois."},
	},
	"sv": {
		states:   map[content.ProposalState]string{content.ProposalOpen: "öppet", content.ProposalMerged: "publicerat", content.ProposalClosed: "stängt"},
		verdicts: map[content.Verdict]string{content.VerdictApproved: "godkände", content.VerdictChangesRequested: "ber om ändringar", content.VerdictCommented: "granskade"},
		statuses: map[content.CheckStatus]string{content.CheckPassed: "i ordning", content.CheckWarning: "obs", content.CheckPending: "väntar", content.CheckFailed: "hinder"},
		checks:   map[content.CheckName]string{content.CheckContent: "innehåll", content.CheckAPI: "gränssnitt", content.CheckMerge: "sammanslagning", content.CheckOwners: "ägare", content.CheckReviews: "granskning"},
		refused: map[content.RefusalReason]string{
			content.RefusedEdit: "ändringen kan inte göras", content.RefusedEmpty: "ingenting skulle ändras", content.RefusedInvalid: "innehållet skulle få problem",
			content.RefusedDangling: "hänvisningar skulle leda ingenstans", content.RefusedConflict: "båda sidorna har ändrat samma ställe",
			content.RefusedOutdated: "detta bygger på en inaktuell version", content.RefusedState: "förslagets läge tillåter inte detta", content.RefusedApproval: "ett godkännande saknas",
			content.RefusedWorkTree: "osparat arbete är i vägen", content.RefusedForge: "servern tillåter inte detta",
		},
		approved: "godkänt", changesRequested: "ändringar begärda", commented: "kommenterat", rebased: "uppdaterat från grenen", reopened: "öppnat på nytt",
		opened: "%s, av %s, öppnat %s", lies: "%s (%s), för grenen %s", mergedAs: "publicerat: %s", asked: "ombedda att granska: %s", said: "%s kommenterade, %s",
		outdated: " (en tidigare version)", superseded: " (granskade på nytt senare)", known: [2]string{"1 problem fanns redan.", "%d problem fanns redan."},
		none: "Det finns inget sådant förslag.", total1: "1 förslag.", total: "%d förslag.", clean1: "1 ändring, inga nya problem.", clean: "%d ändringar, inga nya problem.",
		refers:     "%s %s hänvisar till %s",
		takeSide:   "Välj en sida (base före, ours grenen, theirs förslaget): %s\nEtt eget värde kan ges i en fil: --resolve FIL.",
		putAside:   "Detta lägger undan dem: git stash -u -- %s",
		carry:      "--carry för den nya beteckningen till hänvisningarna; vid borttagning flyttar --carry --to BETECKNING dem till en annan post.",
		pushBranch: "Commits på en egen gren föreslås genom att grenen skickas: git push origin HEAD:proposals/NAMN",
		row:        "rad %d: %s", cell: "rad %d, kolumn %s: %s",
		nothing: "Inget föreslogs.", skipRows: "Rätta raderna, eller lämna bort dem: --skip-bad-rows.",
		left: [2]string{"1 rad lämnades bort.", "%d rader lämnades bort."},
	},
	"en": {
		states:   map[content.ProposalState]string{content.ProposalOpen: "open", content.ProposalMerged: "merged", content.ProposalClosed: "closed"},
		verdicts: map[content.Verdict]string{content.VerdictApproved: "approved", content.VerdictChangesRequested: "asked for changes", content.VerdictCommented: "reviewed"},
		statuses: map[content.CheckStatus]string{content.CheckPassed: "passed", content.CheckWarning: "warning", content.CheckPending: "pending", content.CheckFailed: "failed"},
		checks:   map[content.CheckName]string{content.CheckContent: "content", content.CheckAPI: "api", content.CheckMerge: "merge", content.CheckOwners: "owners", content.CheckReviews: "reviews"},
		approved: "approved", changesRequested: "changes requested", commented: "commented", rebased: "rebased", reopened: "open again",
		opened: "%s, by %s, opened %s", lies: "%s at %s, for %s", mergedAs: "merged as %s", asked: "asked for a review: %s", said: "%s commented, %s",
		outdated: " (an earlier version)", superseded: " (reviewed again since)", known: [2]string{"1 problem was there before.", "%d problems were there before."},
		none: "There is no such proposal.", total1: "1 proposal.", total: "%d proposals.", clean1: "1 edit, no new problems.", clean: "%d edits, no new problems.",
		refers:     "%s %s refers to %s",
		takeSide:   "Choose a side (base, ours: the branch, theirs: the proposal): %s\nA value of your own goes into a file: --resolve FILE.",
		putAside:   "This puts them aside: git stash -u -- %s",
		carry:      "--carry takes the new id along to what refers to it; deleting, --carry --to ID hands the references over to another record.",
		pushBranch: "Commits on a branch of your own are proposed by pushing it: git push origin HEAD:proposals/NAME",
		row:        "row %d: %s", cell: "row %d, column %s: %s",
		nothing: "Nothing was proposed.", skipRows: "Mend the rows, or leave them out with --skip-bad-rows.",
		left: [2]string{"1 row was left out.", "%d rows were left out."},
	},
}

// several says one thing of one, and another of more.
func several(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(more, n)
}
