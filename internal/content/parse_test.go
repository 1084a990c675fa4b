package content

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseKeepsPlaces(t *testing.T) {
	source := "{\n  \"nimi\": \"Järvi\\n\",\n  \"l\\u0069sta\": [1.50, true, null, {}, []]\n}"
	v, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	name, list := v.Member("nimi"), v.Member("lista")
	if name.Text != "Järvi\n" || list == nil || len(list.Kids) != 5 || list.Kids[0].Text != "1.50" || list.Kids[1].Text != "true" {
		t.Fatalf("got %+v", v)
	}
	texts := map[string]string{
		source[v.Start:v.End]:               source,
		source[name.Start:name.End]:         `"Järvi\n"`,
		source[list.NameAt:][:12]:           `"l\u0069sta"`,
		source[list.Kids[0].Start:][:4]:     "1.50",
		source[list.Kids[3].Start:][:2]:     "{}",
		source[list.Kids[4].Start:list.End]: "[]]",
	}
	for got, want := range texts {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if line, column := Position(source, int(list.NameAt)); line != 3 || column != 3 {
		t.Errorf("got %d:%d", line, column)
	}
}

func TestPosition(t *testing.T) {
	source := "a\näö💧x\r\n"
	tests := []struct{ offset, line, column int }{{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {4, 2, 2}, {10, 2, 4}, {13, 3, 1}, {99, 3, 1}}
	for _, test := range tests {
		if line, column := Position(source, test.offset); line != test.line || column != test.column {
			t.Errorf("%d: got %d:%d, want %d:%d", test.offset, line, column, test.line, test.column)
		}
	}
}

func TestParseFaults(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	tests := []struct {
		name, source string
		fault        Fault
		offset       int
		pointer      Pointer
		near         string
	}{
		{"nothing", "", FaultEmpty, 0, "", ""},
		{"white space", " \t\r\n", FaultEmpty, 0, "", ""},
		{"too large", strings.Repeat(" ", MaxBytes) + "1", FaultTooLarge, 0, "", "1048577"},
		{"too deep", deep, FaultTooDeep, MaxDepth, Pointer(strings.Repeat("/0", MaxDepth)), ""},
		{"byte order mark", "\uFEFF1", FaultBOM, 0, "", ""},
		{"no UTF-8", "[\"a\xff\"]", FaultUTF8, 3, "/0", ""},
		{"no UTF-8 in a name", "{\"a\xff\": 1}", FaultUTF8, 3, "", ""},
		{"half a pair", `["\udc00"]`, FaultUTF8, 2, "/0", ""},
		{"the wrong half", `["\ud800\ud800"]`, FaultUTF8, 2, "/0", ""},
		{"a name twice", `{"a":{"b":1,"b":2}}`, FaultDuplicate, 12, "/a/b", "b"},
		{"a long name twice", `{"` + strings.Repeat("ä", 60) + `":1,"` + strings.Repeat("ä", 60) + `":2}`, FaultDuplicate, 126, Pointer("/" + strings.Repeat("ä", 60)), strings.Repeat("ä", 20) + "…"},
		{"something after", "{} x", FaultTrailing, 3, "", "x"},
		{"a null byte after", "1\x00", FaultTrailing, 1, "", "\x00"},
		{"past all computers", "[1, 1e400]", FaultNumber, 4, "/1", "1e400"},
		{"nearer to nothing than anything", "1e-401", FaultNumber, 0, "", "1e-401"},
		{"an exponent past all integers", "1e99999999999999999999", FaultNumber, 0, "", "1e99999999999999999999"},
		{"too many digits", "0." + strings.Repeat("1", MaxNumber), FaultNumber, 0, "", "0." + strings.Repeat("1", 38) + "…"},
		{"a leading zero", "01", FaultTrailing, 1, "", "1"},
		{"cut short", `{"a"`, FaultSyntax, 4, "/a", ""},
		{"a control character", "\"\x01\"", FaultSyntax, 1, "", "\x01"},
		{"a word", "nil", FaultSyntax, 1, "", "i"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := Parse(test.source)
			var e *SyntaxError
			if v != nil || !errors.As(err, &e) {
				t.Fatalf("got %v, %v", v, err)
			}
			if diff := cmp.Diff(SyntaxError{test.fault, test.offset, test.pointer, test.near}, *e); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(err.Error(), string(test.fault)) {
				t.Errorf("says %q", err)
			}
		})
	}
}

func TestParseAtTheLimits(t *testing.T) {
	for name, source := range map[string]string{
		"depth":     strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		"bytes":     `"` + strings.Repeat("a", MaxBytes-2) + `"`,
		"number":    strings.Repeat("1", MaxNumber),
		"exponent":  "1e308",
		"small":     "1e-320",
		"pair":      `"\ud83d\ude00"`,
		"separator": "\"\u2028\"",
	} {
		if _, err := Parse(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValueAccess(t *testing.T) {
	v, err := Parse(`{"a": {"b": [10, {"c~/d": "x"}]}, "n": 12.0, "big": 1e300, "half": 0.5, "nothing": null, "": 1}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := v.At("/a/b/1/c~0~1d").Str(); got != "x" {
		t.Errorf("got %q", got)
	}
	if v.At("/") == nil || v.At("/a/b/01") != nil || v.At("/a/b/-1") != nil || v.At("/a/b/2") != nil || v.At("/a/b/-") != nil || v.At("/n/x") != nil || v.At("") != v {
		t.Error("pointers lead where they should not")
	}
	if at, near := v.Nearest("/a/b/7/x"); at != "/a/b" || near.Kind != List {
		t.Errorf("got %q", at)
	}
	if n, ok := v.Member("n").Int(); n != 12 || !ok {
		t.Errorf("got %d", n)
	}
	for _, name := range []string{"half", "big", "nothing", "gone"} {
		if _, ok := v.Member(name).Int(); ok {
			t.Errorf("%s is an integer", name)
		}
	}
	if f, ok := v.Member("half").Float(); f != 0.5 || !ok {
		t.Errorf("got %v", f)
	}
	if !v.Member("nothing").IsNull() || !v.Member("gone").IsNull() || v.Member("n").IsNull() || v.Member("n").Str() != "" {
		t.Error("null and absence are mixed up")
	}
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true}, {`1e2`, `100`, true}, {`-0`, `0`, true}, {`1`, `"1"`, false}, {`0.1`, `0.10000000000000000001`, false},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1}`, `{"b":1}`, false},
		{`[1,2]`, `[2,1]`, false}, {`[]`, `{}`, false}, {`null`, `false`, false}, {`"\u00e4"`, `"ä"`, true}, {`{"a":null}`, `{"b":null}`, false},
	}
	for _, test := range tests {
		a, _ := Parse(test.a)
		b, _ := Parse(test.b)
		if a.Equal(b) != test.want || b.Equal(a) != test.want {
			t.Errorf("%s and %s: not %v", test.a, test.b, test.want)
		}
	}
	var none *Value
	if one, _ := Parse("1"); one.Equal(none) || none.Equal(one) || !none.Equal(nil) {
		t.Error("absence equals something")
	}
}

// Parse takes what encoding/json takes, less what strictness refuses; what it read
// can be written and read again; and every value stands where it says.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a": [1, -2.50, 3e7, true, false, null, "x"]}`, `{"a":1,"a":2}`, "\uFEFF{}", "[\"\xff\"]", `"\ud800"`, `"\ud83d\ude00\n\u0000"`,
		`[[[[]]]]`, ` 1 2`, `1e400`, `{"` + "\u2028" + `":"<>&"}`, ``, `{"a":{"b":{"c":[{},{}]}}}`, "{\"\\u0061\":1,\"a\":2}", `-0`, `[1,]`, strings.Repeat("[", 70),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		v, err := Parse(source)
		if err != nil {
			refused(t, source, err)
			return
		}
		if !json.Valid([]byte(source)) || !utf8.ValidString(source) {
			t.Fatalf("accepts %q", source)
		}
		again, err := Parse(string(v.AppendJSON(nil)))
		if err != nil || !v.Equal(again) || string(again.AppendJSON(nil)) != string(v.AppendJSON(nil)) {
			t.Fatalf("%q is written %q: %v", source, v.AppendJSON(nil), err)
		}
		decoder := json.NewDecoder(strings.NewReader(source))
		decoder.UseNumber()
		var plain any
		if err := decoder.Decode(&plain); err != nil || !cmp.Equal(plain, v.Interface()) {
			t.Fatalf("encoding/json reads it otherwise: %v\n%s", err, cmp.Diff(plain, v.Interface()))
		}
		places(t, source, v)
	})
}

// refused checks that there is a reason for refusing what encoding/json takes.
func refused(t *testing.T, source string, err error) {
	var e *SyntaxError
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(source) {
		t.Fatalf("%q: got %v", source, err)
	}
	if !json.Valid([]byte(source)) {
		return
	}
	switch e.Fault {
	case FaultTooLarge, FaultTooDeep, FaultDuplicate:
	case FaultUTF8:
		if utf8.ValidString(source) && !strings.Contains(strings.ToLower(source), `\ud`) {
			t.Fatalf("%q is UTF-8", source)
		}
	case FaultNumber:
		literal := source[e.Offset:]
		literal = literal[:len(literal)-len(strings.TrimLeft(literal, "+-0123456789.eE"))]
		if f, err := strconv.ParseFloat(literal, 64); err == nil && !math.IsInf(f, 0) && len(literal) <= MaxNumber && math.Abs(f) > 1e-300 && math.Abs(f) < 1e300 {
			t.Fatalf("%q is no absurd number", literal)
		}
	default:
		t.Fatalf("%q is JSON, but %v", source, err)
	}
}

// places checks that what v and its kids say of their place is so.
func places(t *testing.T, source string, v *Value) {
	same, err := Parse(source[v.Start:v.End])
	if err != nil || !same.Equal(v) {
		t.Fatalf("%q at %d to %d of %q is no %s", source[v.Start:v.End], v.Start, v.End, source, v.AppendJSON(nil))
	}
	for i := range v.Kids {
		kid := &v.Kids[i]
		if v.Kind == Object {
			name, err := Parse(source[kid.NameAt : kid.NameAt+int32(strings.LastIndexByte(source[kid.NameAt:kid.Start], ':'))])
			if err != nil || name.Str() != kid.Name {
				t.Fatalf("the name %q is not at %d of %q", kid.Name, kid.NameAt, source)
			}
		}
		places(t, source, kid)
	}
}

func BenchmarkParse(b *testing.B) {
	source := `{"name": {"fi": "Tiedolla johtaminen", "sv": "Ledarskap"}, "ordinal": 7, "themes": ["a", "b"], "participants": [` +
		strings.TrimSuffix(strings.Repeat(`{"municipality": "jyvaskyla", "role": "lead", "grant": 12.5},`, 30), ",") + `]}`
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(source); err != nil {
			b.Fatal(err)
		}
	}
}
