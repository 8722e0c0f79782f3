// Loaded before Azurite. It asks its tables for { PartitionKey, RowKey } and walks the whole partition for it, which
// makes a table of n rows cost n squared to fill; with the nearly unique RowKey first, its index finds the row at once.
const { createRequire } = require("node:module");
const path = require("node:path");
if (process.argv[1] && process.argv[1].includes("azurite")) {
  const loki = createRequire(path.resolve(process.argv[1]))("lokijs");
  const { findOne } = loki.Collection.prototype;
  loki.Collection.prototype.findOne = function (query) {
    const byKeys = query && "RowKey" in query && "PartitionKey" in query;
    return findOne.call(this, byKeys ? { RowKey: query.RowKey, ...query } : query);
  };
}
