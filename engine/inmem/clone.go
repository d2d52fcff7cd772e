package inmem

import (
	"reflect"
	"time"
)

// clone copies a value with everything that it points to.
func clone[T any](v T) T {
	var out T
	reflect.ValueOf(&out).Elem().Set(deep(reflect.ValueOf(&v).Elem()))
	return out
}

var timeType = reflect.TypeFor[time.Time]()

func deep(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return v
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(deep(v.Elem()))
		return out
	case reflect.Interface:
		out := reflect.New(v.Type()).Elem()
		out.Set(deep(v.Elem()))
		return out
	case reflect.Slice:
		return deepSlice(v)
	case reflect.Map:
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			out.SetMapIndex(it.Key(), deep(it.Value()))
		}
		return out
	case reflect.Struct:
		return deepStruct(v)
	}
	return v
}

func deepSlice(v reflect.Value) reflect.Value {
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	if v.Type().Elem().Kind() == reflect.Uint8 {
		reflect.Copy(out, v)
		return out
	}
	for i := range v.Len() {
		out.Index(i).Set(deep(v.Index(i)))
	}
	return out
}

func deepStruct(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	if v.Type() == timeType {
		return out // immutable, and its fields are its own
	}
	for i := range v.NumField() {
		if f := out.Field(i); f.CanSet() {
			f.Set(deep(v.Field(i)))
		}
	}
	return out
}
