package content

import (
	"net/url"
	"path"
	"strings"
)

// Schemas are JSON Schema documents by their path from the root of the repository.
type Schemas map[string]*Value

// Resolve follows a "$ref" or "$dynamicRef" written in the document at base: by path
// relative to it, from the root of the repository where it begins with "/", or by
// the "$id" of a document that is there; the fragment is a JSON Pointer or an anchor
// (JSON Schema Core 2020-12, sections 8.2 and 9.3). It returns the document's path
// and the schema, or nil where there is none. References that package check has
// resolved need no more than the second.
func (s Schemas) Resolve(base, ref string) (string, *Value) {
	document, fragment, _ := strings.Cut(ref, "#")
	file, root := s.document(base, document)
	if root == nil {
		return file, nil
	}
	fragment, err := url.PathUnescape(fragment)
	if err != nil {
		return file, nil
	}
	if fragment == "" || fragment[0] == '/' {
		return file, root.At(Pointer(fragment))
	}
	return file, anchored(root, fragment, MaxDepth)
}

func (s Schemas) document(base, ref string) (string, *Value) {
	if ref == "" {
		return base, s[base]
	}
	file := path.Join(path.Dir(base), ref)
	if name, err := url.PathUnescape(ref); err == nil {
		file = path.Join(path.Dir(base), name)
		if strings.HasPrefix(name, "/") {
			file = path.Clean(name[1:])
		}
	}
	if root, ok := s[file]; ok {
		return file, root
	}
	id, err := url.Parse(s[base].Member("$id").Str())
	if err != nil {
		return file, nil
	}
	target, err := id.Parse(ref)
	if err != nil {
		return file, nil
	}
	for other, root := range s {
		if own := root.Member("$id").Str(); own != "" && strings.TrimSuffix(own, "#") == target.String() {
			return other, root
		}
	}
	return file, nil
}

func anchored(v *Value, name string, depth int) *Value {
	if v == nil || depth == 0 {
		return nil
	}
	if v.Kind == Object && (v.Member("$anchor").Str() == name || v.Member("$dynamicAnchor").Str() == name ||
		v.Member("$id").Str() == "#"+name || v.Member("id").Str() == "#"+name) {
		return v
	}
	for i := range v.Kids {
		if found := anchored(&v.Kids[i], name, depth-1); found != nil {
			return found
		}
	}
	return nil
}
