package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var parameter = regexp.MustCompile(`\{[a-z]+\}`)

// parameters are the names in a template, sorted.
func parameters(template string) []string {
	names := parameter.FindAllString(template, -1)
	slices.Sort(names)
	return names
}

func TestEveryMessageSpeaksThreeLanguages(t *testing.T) {
	for key, m := range messages {
		want := parameters(m.en)
		for lang, template := range map[string]string{"fi": m.fi, "sv": m.sv, "en": m.en} {
			if template == "" {
				t.Errorf("%s says nothing in %s", key, lang)
			}
			if diff := cmp.Diff(want, parameters(template)); diff != "" {
				t.Errorf("%s has other parameters in %s than in en:\n%s", key, lang, diff)
			}
			if ends := strings.HasSuffix(template, ".") || strings.HasSuffix(template, "?") || strings.HasSuffix(template, "{hint}") || strings.HasSuffix(template, "{misspelt}"); isRule(key) && !ends {
				t.Errorf("%s is no sentence in %s: %s", key, lang, template)
			}
		}
	}
}

func isRule(key string) bool { return strings.Contains(key, "/") }

func TestEveryRuleHasAMessage(t *testing.T) {
	known := map[string]bool{}
	for _, rule := range Rules() {
		if known[rule.Name] || rule.Meaning == "" {
			t.Errorf("%s stands twice, or means nothing", rule.Name)
		}
		known[rule.Name] = true
		if _, ok := messages[rule.Name]; !ok {
			t.Errorf("%s has no message", rule.Name)
		}
	}
	for key := range messages {
		if rule, _, _ := strings.Cut(key, ":"); isRule(key) && !known[rule] {
			t.Errorf("the message %s is of no rule", key)
		}
	}
	if !slices.IsSortedFunc(Rules(), func(a, b Rule) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the rules are not sorted")
	}
}

// The names of rules in the code are those of the table.
func TestTheCodeKnowsNoOtherRules(t *testing.T) {
	name := regexp.MustCompile(`^(json|schema|record|id|entry|reference|unique|file|model|owners|schema-file|lint)/[a-zA-Z-]+(:[a-z-]+)?$`)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				if _, ok := messages[text]; name.MatchString(text) && !ok {
					t.Errorf("%s says %s, which has no message", e.Name(), text)
				}
			}
			return true
		})
	}
}

// Every rule is broken by some golden file, or by the test named here.
func TestEveryRuleIsBrokenSomewhere(t *testing.T) {
	elsewhere := map[string]string{
		"json/empty": "TestSyntax", "json/too-large": "TestSyntax", "json/too-deep": "TestSyntax", "json/byte-order-mark": "TestSyntax",
		"json/utf-8": "TestSyntax", "json/duplicate-key": "TestSyntax", "json/trailing-data": "TestSyntax", "json/number": "TestSyntax",
		"entry/symlink": "TestEntries", "entry/submodule": "TestEntries", "entry/other": "TestEntries", "id/unreadable": "TestEntries",
		"entry/misplaced": "TestWhatIsToldBesideRecords", "repository/held-back": "TestWhatIsToldBesideRecords",
		"model/missing": "TestHelpers", "model/invalid": "TestUndecodedModels", "owners/invalid": "TestUndecodedOwners",
		"record/too-slow": "TestHostileSchemas", "record/failed": "TestAPanicOfTheLibraryIsAProblem", "record/endless": "TestEndlessJudging",
		"schema-file/pattern-size": "TestHostileSchemas", "schema-file/too-complex": "TestHostileSchemas",
		"schema-file/unreadable": "TestReadErrors", "schema-file/invalid": "TestRefusedSchemas", "schema/prefixItems": "TestForbiddenItems",
		"schema/invalid": "TestUnexplained", "reference/no-id": "TestReferencesThatAreNoIds",
	}
	broken := map[string]bool{}
	for _, archive := range archives(t) {
		files, _ := unpack(archive)
		for _, rule := range rules(examineTree(files).problems) {
			broken[rule] = true
		}
	}
	for _, rule := range Rules() {
		if !broken[rule.Name] && elsewhere[rule.Name] == "" {
			t.Errorf("no test breaks %s", rule.Name)
		}
	}
}

// A parameter that was forgotten leaves a hole in the sentence.
func TestMessagesHaveNoHoles(t *testing.T) {
	quotation := regexp.MustCompile(`'[^']+'`)
	hole := regexp.MustCompile(`  | [.,;:]|''|\(\)|^[ .:]`)
	for name, archive := range archives(t) {
		files, _ := unpack(archive)
		for _, p := range examineTree(files).problems {
			for lang, text := range p.Messages {
				if hole.MatchString(quotation.ReplaceAllString(text, "x")) {
					t.Errorf("%s: %s in %s: %s", name, p.Rule, lang, text)
				}
			}
		}
	}
}
