package content

// Skeleton returns canonical text for a new record: what the schema requires, with
// empty values that the one who fills it in cannot overlook.
func Skeleton(m *Model, c *Collection, id ID) string {
	v := skeleton(m, c.Root, 0)
	if v.Kind == Object && c.IDAt != nil {
		if tokens := c.IDAt.Tokens(); len(tokens) == 1 {
			setMember(v, Value{Name: tokens[0], Kind: String, Text: string(id)})
		}
	}
	return Format(v, c.Root, m.Languages)
}

func setMember(v *Value, member Value) {
	for i := range v.Kids {
		if v.Kids[i].Name == member.Name {
			v.Kids[i] = member
			return
		}
	}
	v.Kids = append(v.Kids, member)
}

func skeleton(m *Model, s *Shape, depth int) *Value {
	switch s.Kind {
	case ShapeObject:
		return skeletonObject(m, s, depth)
	case ShapeList:
		v := &Value{Kind: List}
		if s.Item.Kind == ShapeObject && depth < maxShapeDepth {
			v.Kids = []Value{*skeleton(m, s.Item, depth+1)}
		}
		return v
	case ShapeLocalized:
		v := &Value{Kind: Object}
		if len(m.Languages) > 0 {
			v.Kids = []Value{{Name: string(m.Languages[0]), Kind: String}}
		}
		return v
	case ShapeInt, ShapeLong, ShapeFloat:
		return &Value{Kind: Number, Text: "0"}
	case ShapeBoolean:
		return &Value{Kind: Bool, Text: "false"}
	case ShapeEnum:
		return &Value{Kind: String, Text: s.Values[0].JSON}
	case ShapeJSON:
		return &Value{Kind: Null}
	}
	return &Value{Kind: String}
}

func skeletonObject(m *Model, s *Shape, depth int) *Value {
	v := &Value{Kind: Object}
	for i := range s.Fields {
		f := &s.Fields[i]
		switch {
		case f.Self:
			return skeleton(m, f.Shape, depth)
		case f.Required && depth < maxShapeDepth:
			kid := skeleton(m, f.Shape, depth+1)
			kid.Name = f.Property
			v.Kids = append(v.Kids, *kid)
		}
	}
	return v
}
