// What may come next in a rule, by the schemas.

import { t } from "./text.js";

const functions = ["last", "before", "between", "after", "followed_by", "not_followed_by", "not_yet_followed_by", "filter", "exists", "all", "map", "size", "sum", "avg", "min", "max", "distinct", "count_by", "sum_by", "first", "newest"];

// completions gives what may follow a dot behind a name, and what may stand alone.
export function completions(schema) {
  const detail = (p) => [p.type, p.required ? "" : t("rules.optional"), p.description].filter(Boolean).join(" · ");
  const types = new Map(schema.types.map((type) => [type.name, type]));
  return {
    alone: [
      ...schema.types.map((type) => ({ word: type.name, detail: type.description || "" })),
      { word: "profile", detail: t("customer.profile") }, { word: "feature", detail: t("customer.features") }, { word: "events", detail: t("many.events") }, { word: "now", detail: t("w.now") },
      ...["ago", "age", "days_since", "days_until", "day", "has", "in_segment"].map((word) => ({ word: word + "(", detail: "" })),
    ],
    // after is what may follow "path."; text is all before it, which tells what a macro's name stands for.
    after(path, text) {
      if (path === "profile") return schema.profile.map((p) => ({ word: p.name, detail: detail(p) }));
      if (path === "feature") return schema.features.map((f) => ({ word: f.name, detail: f.expression }));
      const bound = [...text.matchAll(/\b(\w+)(?:\.\w+\([^()]*\))*\.(?:filter|exists|exists_one|all|map|sum|avg|min|max|distinct|count_by|sum_by)\((\w+),/g)].filter((m) => m[2] === path).at(-1);
      const type = bound && types.get(bound[1]);
      if (type) return [...type.properties.map((p) => ({ word: p.name, detail: detail(p) })), { word: "time", detail: "" }];
      return functions.map((word) => ({ word: word + "(", detail: "" }));
    },
    segments: schema.segments.map((word) => ({ word, detail: "" })),
  };
}
