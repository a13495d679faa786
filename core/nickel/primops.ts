/**
 * The primitive operators `%name%` and how many arguments each takes.
 *
 * Authors do not write them; contract libraries written close to the standard library do. The
 * parser needs the arity to know where an application ends, `std/primitives.ts` gives the meaning.
 *
 * @module
 */

const BY_ARITY: readonly (readonly [number, string])[] = [
  [1, 'typeof cast blame label/flip_polarity label/polarity label/go_dom label/go_codom label/go_array label/go_dict enum/embed record/empty_with_tail array/length record/fields record/fields_with_opts record/values seq deep_seq force string/trim string/chars string/uppercase string/lowercase string/length to_string number/from_string enum/from_string record/freeze label/push_diag enum/get_arg enum/is_variant enum/get_tag enum/make_variant contract/custom number/arccos number/arcsin number/arctan number/cos number/sin number/tan trace array/map array/generate record/map string/is_match string/find string/find_all'],
  [2, 'contract/apply contract/check contract/array_lazy_apply contract/record_lazy_apply seal unseal label/go_field record/has_field record/has_field_with_opts record/field_is_defined record/field_is_defined_with_opts array/at hash serialize deserialize number/arctan2 number/log pow string/split string/contains string/compare string/base64_encode string/base64_decode record/insert record/insert_with_opts record/remove record/remove_with_opts record/split_pair record/disjoint_merge label/with_message label/with_notes label/append_note label/lookup_type_variable'],
  [3, 'string/replace string/replace_regex string/substr record/unseal_tail label/insert_type_variable array/slice record/merge_contract'],
  [4, 'record/seal_tail'],
] // prettier-ignore

let arities: Map<string, number> | undefined

/** Number of arguments of `%name%`; undefined when there is no such operator. */
export function primopArity(name: string): number | undefined {
  if (arities === undefined) {
    arities = new Map()
    for (const [arity, names] of BY_ARITY) {
      for (const known of names.split(' ')) arities.set(known, arity)
    }
  }
  return arities.get(name)
}
