// Validates the HAR files that are its arguments by the schema of the module har-schema.
const Ajv = require('ajv')
const schemas = require('har-schema')
const fs = require('fs')

const ajv = new Ajv({ allErrors: true })
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-06.json'))
ajv.addSchema(Object.values(schemas))
const validate = ajv.getSchema('har.json#')
for (const file of process.argv.slice(2)) {
  if (!validate(JSON.parse(fs.readFileSync(file)))) {
    console.error(file, JSON.stringify(validate.errors, null, 2))
    process.exitCode = 1
  }
}
