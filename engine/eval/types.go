package eval

import (
	"fmt"
	"reflect"
)

// What is known of a type when an expression is compiled: only literals and
// what is made of them have one, all else is any.
type family string

const (
	unknown family = ""
	numbers family = "numbers"
	texts   family = "texts"
	others  family = "others"
)

func familyOf(t reflect.Type) family {
	if t == nil {
		return others // nil
	}
	switch t.Kind() {
	case reflect.Interface:
		return unknown
	case reflect.Int, reflect.Float64:
		return numbers
	case reflect.String:
		return texts
	}
	return others
}

var anyType = reflect.TypeFor[any]()

// checks say whether an operator may have arguments of these types, for those
// operators that are particular.
var checks = map[string]func(args []reflect.Type) (reflect.Type, error){
	"@sub": numeric("-"), "@mul": numeric("*"), "@neg": numeric("-"), "@pow": numeric("**"),
	"@lt": ordered("<"), "@le": ordered("<="), "@gt": ordered(">"), "@ge": ordered(">="),
}

// numeric lets an operator have numbers only. Times have no literals.
func numeric(op string) func([]reflect.Type) (reflect.Type, error) {
	return func(args []reflect.Type) (reflect.Type, error) {
		for _, t := range args[1:] {
			if f := familyOf(t); f != unknown && f != numbers {
				return nil, mismatched(op, args[1:])
			}
		}
		return anyType, nil
	}
}

// ordered lets an operator compare numbers with numbers, and text with text.
func ordered(op string) func([]reflect.Type) (reflect.Type, error) {
	return func(args []reflect.Type) (reflect.Type, error) {
		left, right := familyOf(args[1]), familyOf(args[2])
		if left == others || right == others || left != right && left != unknown && right != unknown {
			return nil, mismatched(op, args[1:])
		}
		return anyType, nil
	}
}

func mismatched(op string, args []reflect.Type) error {
	if len(args) == 1 {
		return fmt.Errorf("invalid operation: %s (mismatched type %v)", op, args[0])
	}
	return fmt.Errorf("invalid operation: %s (mismatched types %v and %v)", op, args[0], args[1])
}
