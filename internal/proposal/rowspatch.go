package proposal

import "github.com/koonti/koonti/internal/content"

// differencePatch is a patch (RFC 6902) that makes after of before: member by member,
// any other value whole.
func differencePatch(before, after *content.Value) string {
	b := appendDifference([]byte{'['}, "", before, after)
	return string(append(b, ']'))
}

func appendDifference(b []byte, at content.Pointer, before, after *content.Value) []byte {
	if before.Equal(after) {
		return b
	}
	if before.Kind != content.Object || after.Kind != content.Object {
		return appendOperation(b, "replace", at, after)
	}
	for i := range before.Kids {
		if kid := &before.Kids[i]; after.Member(kid.Name) == nil {
			b = appendOperation(b, "remove", at.Child(kid.Name), nil)
		}
	}
	for i := range after.Kids {
		kid := &after.Kids[i]
		if was := before.Member(kid.Name); was != nil {
			b = appendDifference(b, at.Child(kid.Name), was, kid)
		} else {
			b = appendOperation(b, "add", at.Child(kid.Name), kid)
		}
	}
	return b
}

func appendOperation(b []byte, op string, at content.Pointer, value *content.Value) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = content.AppendString(append(b, `{"op":"`+op+`","path":`...), string(at))
	if value != nil {
		b = value.AppendJSON(append(b, `,"value":`...))
	}
	return append(b, '}')
}
