// What the AWS console generates for "Stream to Amazon OpenSearch Service", written anew from a description
// of what it does. It runs as a contender: reads "URL" and a file of Lambda events by size from its arguments, and
// for each line "run SIZE N" on standard input handles all events of that size N times, then prints what it took.
//
// It parses no line: fields come from CloudWatch's extractedFields, where the subscription's filter names
// columns. It does not compress, validate or split; `_type` and twelve-digit accounts are as they come out.
import crypto from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import readline from "node:readline";
import zlib from "node:zlib";

const [url, file] = process.argv.slice(2);
const { hostname, port, host } = new URL(url);
const region = process.env.AWS_REGION;
const service = "es";

function handle(event) {
  return new Promise((resolve, reject) => {
    zlib.gunzip(Buffer.from(event.awslogs.data, "base64"), (error, buffer) => {
      if (error) return reject(error);
      const payload = JSON.parse(buffer.toString("utf8"));
      const body = transform(payload);
      if (!body) return resolve();
      post(body, resolve, reject);
    });
  });
}

function transform(payload) {
  if (payload.messageType === "CONTROL_MESSAGE") return null;
  let body = "";
  for (const logEvent of payload.logEvents) {
    const moment = new Date(Number(logEvent.timestamp));
    const indexName = [
      "cwl-" + moment.getUTCFullYear(),
      ("0" + (moment.getUTCMonth() + 1)).slice(-2),
      ("0" + moment.getUTCDate()).slice(-2),
    ].join(".");
    const source = buildSource(logEvent.message, logEvent.extractedFields);
    source["@id"] = logEvent.id;
    source["@timestamp"] = moment.toISOString();
    source["@message"] = logEvent.message;
    source["@owner"] = payload.owner;
    source["@log_group"] = payload.logGroup;
    source["@log_stream"] = payload.logStream;
    const action = { index: { _index: indexName, _type: payload.logGroup, _id: logEvent.id } };
    body += [JSON.stringify(action), JSON.stringify(source)].join("\n") + "\n";
  }
  return body;
}

function buildSource(message, extractedFields) {
  if (!extractedFields) {
    const text = extractJson(message);
    return text === null ? {} : JSON.parse(text);
  }
  const source = {};
  for (const key in extractedFields) {
    const value = extractedFields[key];
    if (!value) continue;
    if (isNumeric(value)) {
      source[key] = 1 * value;
      continue;
    }
    const text = extractJson(value);
    if (text !== null) source["$" + key] = JSON.parse(text);
    source[key] = value;
  }
  return source;
}

function extractJson(message) {
  const start = message.indexOf("{");
  if (start < 0) return null;
  const text = message.substring(start);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}

function isNumeric(value) {
  return !Number.isNaN(parseFloat(value)) && Number.isFinite(Number(value));
}

function post(body, resolve, reject) {
  const options = sign(body);
  const request = http.request(options, (response) => {
    let text = "";
    response.on("data", (chunk) => (text += chunk));
    response.on("end", () => {
      const info = JSON.parse(text);
      const failed = info.items.filter((item) => item.index.status >= 300);
      const good = response.statusCode >= 200 && response.statusCode < 299 && !info.errors && !failed.length;
      if (good) resolve();
      else reject(new Error(text));
    });
  });
  request.on("error", reject);
  request.end(options.body);
}

const hmac = (key, text, encoding) => crypto.createHmac("sha256", key).update(text, "utf8").digest(encoding);
const hash = (text) => crypto.createHash("sha256").update(text, "utf8").digest("hex");

function sign(body) {
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const key = hmac(hmac(hmac(hmac("AWS4" + process.env.AWS_SECRET_ACCESS_KEY, day), region), service), "aws4_request");
  const headers = {
    "Content-Type": "application/json",
    Host: host,
    "Content-Length": Buffer.byteLength(body),
    "X-Amz-Security-Token": process.env.AWS_SESSION_TOKEN,
    "X-Amz-Date": time,
  };
  const names = Object.keys(headers).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  const canonicalHeaders = names.map((name) => name.toLowerCase() + ":" + headers[name]).join("\n");
  const signedHeaders = names.map((name) => name.toLowerCase()).join(";");
  const canonical = ["POST", "/_bulk", "", canonicalHeaders, "", signedHeaders, hash(body)].join("\n");
  const scope = [day, region, service, "aws4_request"].join("/");
  const text = ["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n");
  headers.Authorization = [
    "AWS4-HMAC-SHA256 Credential=" + process.env.AWS_ACCESS_KEY_ID + "/" + scope,
    "SignedHeaders=" + signedHeaders,
    "Signature=" + hmac(key, text, "hex"),
  ].join(", ");
  return { hostname, port, method: "POST", path: "/_bulk", body, headers };
}

const events = JSON.parse(fs.readFileSync(file, "utf8"));
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [, size, passes] = line.split(" ");
  const wall = process.hrtime.bigint();
  const cpu = process.cpuUsage();
  for (let pass = 0; pass < Number(passes); pass++) for (const event of events[size]) await handle(event);
  const used = process.cpuUsage(cpu);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]);
  console.log(
    JSON.stringify({
      cpu: (used.user + used.system) / 1e6,
      wall: Number(process.hrtime.bigint() - wall) / 1e9,
      peak_kb: peak,
    }),
  );
}
process.exit(0);
