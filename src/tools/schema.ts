/** JSON Schema as far as our own schema files use it. `$ref` holds the bare name of a model once a file was read. */
export interface Schema {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | readonly string[];
  format?: string;
  enum?: readonly unknown[];
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  allOf?: readonly Schema[];
  default?: unknown;
  'x-secret'?: boolean;
  [keyword: string]: unknown;
}

export type Models = ReadonlyMap<string, Schema>;

const single = ['items', 'additionalProperties', 'unevaluatedProperties', 'propertyNames', 'not', 'if', 'then', 'else'];
const several = ['allOf', 'anyOf', 'oneOf'];

/** The same schema with each schema directly inside it replaced. */
export const mapInner = (schema: Schema, change: (inner: Schema) => Schema): Schema => {
  const changed: Schema = { ...schema };
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'properties') {
      changed.properties = Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, change(inner)]),
      );
    } else if (several.includes(keyword)) {
      changed[keyword] = (value as readonly Schema[]).map(change);
    } else if (single.includes(keyword) && typeof value === 'object') {
      changed[keyword] = change(value as Schema);
    }
  }
  return changed;
};

export const innerOf = (schema: Schema): Schema[] => {
  const found: Schema[] = [];
  mapInner(schema, (inner) => {
    found.push(inner);
    return inner;
  });
  return found;
};

export const holdsSecret = (schema: Schema): boolean =>
  schema['x-secret'] === true || innerOf(schema).some(holdsSecret);

const annotations = ['description', 'default', 'title'];

/** What a reference stands for. Beside `$ref` only annotations may stand: they win over the model's own. */
export const resolve = (schema: Schema, models: Models): Schema => {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  const model = models.get($ref);
  if (model === undefined) throw new Error(`no model "${$ref}"`);
  for (const keyword of Object.keys(beside)) {
    if (!annotations.includes(keyword) && !keyword.startsWith('x-')) {
      throw new Error(`"${keyword}" beside a reference to "${$ref}": say it in the model`);
    }
  }
  return { ...resolve(model, models), ...beside };
};

/** The schema with every reference replaced by what it stands for. */
export const inline = (schema: Schema, models: Models, within: readonly string[] = []): Schema => {
  if (schema.$ref !== undefined && within.includes(schema.$ref)) {
    throw new Error(`the model "${schema.$ref}" refers to itself`);
  }
  const trail = schema.$ref === undefined ? within : [...within, schema.$ref];
  return mapInner(resolve(schema, models), (inner) => inline(inner, models, trail));
};

const closedInside = (schema: Schema): Schema =>
  mapInner(schema, (inner) => (schema.allOf?.includes(inner) === true ? closedInside(inner) : closed(inner)));

/** Unknown properties refused wherever an object names its properties; of a composed object, beyond all its parts'. */
export const closed = (schema: Schema): Schema => {
  const inside = closedInside(schema);
  if (schema.allOf !== undefined) return { type: 'object', ...inside, unevaluatedProperties: false };
  return schema.properties === undefined || schema.additionalProperties !== undefined
    ? inside
    : { ...inside, additionalProperties: false };
};

/** Without what no value is checked against. */
export const bare = (schema: Schema): Schema => {
  const kept = Object.entries(schema).filter(
    ([keyword]) =>
      keyword !== '$schema' && keyword !== 'title' && keyword !== 'description' && !keyword.startsWith('x-'),
  );
  return mapInner(Object.fromEntries(kept), bare);
};

/** All properties of an object, those of its parts before its own, and the names of those it must have. */
export const propertiesOf = (
  schema: Schema,
  models: Models,
): { properties: Record<string, Schema>; required: string[] } => {
  const whole = resolve(schema, models);
  const parts = (whole.allOf ?? []).map((part) => propertiesOf(part, models));
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties), whole.properties),
    required: [...parts.flatMap((part) => part.required), ...(whole.required ?? [])],
  };
};
