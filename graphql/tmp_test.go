package graphql
import ("testing";"strings";"time";"context";"fmt")
func nest(field, leaf string, ns ...int) string {
	if len(ns)==0 { return leaf }
	return "{"+strings.Repeat(field+nest("parent", leaf, ns[1:]...)+" ", ns[0])+"}"
}
func inl(ns []int, leaf string) string {
	if len(ns)==0 {return leaf}
	return strings.Repeat("...{"+inl(ns[1:],leaf)+"} ", ns[0])
}
func TestTmp(t *testing.T){
	f := loadFixture(t, "testdata/readme-query.txtar")
	s := newSchema(t, f.model, Config{})
	rep:=strings.Repeat
	qs := map[string]string{
	 "19x19x15": nest("theme(id:1)", "{"+rep("id ",15)+"}", 19,19),
	 "15x15x15": nest("theme(id:1)", "{"+rep("id ",1)+"}", 12,12,12),
	 "8^3": nest("theme(id:1)", "{id}", 8,8,8,3),
	 "4^5": nest("theme(id:1)", "{id}", 4,4,4,4,4),
	 "2^10": nest("theme(id:1)", "{id}", 2,2,2,2,2,2,2,2,2,2),
	 "3^6": nest("theme(id:1)", "{id}", 3,3,3,3,3,3),
	 "18^2 aliased": "{theme(id:1){"+rep("parent{ "+numbered(150,"a%d:id ")+"} ",16)+"}}",
	 "2 x aliased": "{theme(id:1){"+rep("parent{ "+numbered(390,"a%d:id ")+"} ",6)+"}}",
	 "inline 1300": "{"+inl([]int{390},"model{languages} model{languages} model{languages}")+"}",
	 "inline nested": "{"+inl([]int{40,40},"__typename")+"}",
	 "inline nested3": "{"+inl([]int{11,11,11},"__typename")+"}",
	 "inline 19 of parent": "{theme(id:1){"+inl([]int{19,19},"parent{parent{id}}")+"}}",
	 "inline 390 of parent": "{theme(id:1){"+inl([]int{390},"parent{parent{parent{id}}}")+"}}",
	 "inline 390 of parents": "{theme(id:1){"+inl([]int{390},"parent{id id id id id id}")+"}}",
	 "crowd": crowd(60),
	 "inline 390 inline": "{theme(id:1){"+inl([]int{390},"parent{...{id} ...{id}}")+"}}",
	}
	for name,q := range qs {
		st:=time.Now()
		r:=s.Do(context.Background(), f.view, nil, Request{Query:q})
		d:=time.Since(st)
		t.Log(d.Milliseconds(), "ms", name, len(q), shorten(string(r.Body)))
	}
}
