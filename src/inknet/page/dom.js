// Elements and numbers as text. Names come from model files, so text is only ever set as text.

/** An element with properties, attributes (`aria-…`, `role`), and children: elements or text. */
export function element(name, properties = {}, ...children) {
  const result = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") result.setAttribute(key, value);
    else result[key] = value;
  }
  result.append(...children.filter((child) => child !== null));
  return result;
}

/** A number with about three digits that count. */
export function number(x) {
  const size = Math.abs(x);
  if (size !== 0 && size < 0.0005) {
    return powers(x.toExponential(1).replace(/^-/, "−"));
  }
  return x.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 3).replace("-", "−");
}

/** A text with its powers of ten as the field writes them: 7.1·10⁻⁵. */
export function powers(text) {
  return text.replace(/(\d)e([-−+]?)0*(\d+)/g, (_, digit, sign, power) => {
    const raised = Array.from(power, (one) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[one]).join("");
    return `${digit}·10${sign === "" || sign === "+" ? "" : "⁻"}${raised}`;
  });
}

/** A number with its sign, as a term of a sum. */
export function signed(x) {
  return x < 0 ? number(x) : `+${number(x)}`;
}

/** A share in percent; its spaces do not break. */
export function percent(p) {
  if (p > 0.9995 && p < 1) return ">\u00a099.9\u00a0%";
  if (p < 0.0005 && p > 0) return "<\u00a00.1\u00a0%";
  return `${(100 * p).toFixed(1)}\u00a0%`;
}
