// Starts an order, and moves it on by a resume URL, an event and :resume; prints its output. Needs Node 18.
//
//     PRANA_SERVER=http://127.0.0.1:8484 PRANA_TOKEN=... node start.mjs ORDER_ID

import { setTimeout as sleep } from 'node:timers/promises'

const server = process.env.PRANA_SERVER ?? 'http://127.0.0.1:8484'
const token = process.env.PRANA_TOKEN

// Problem is an answer that is a problem document: status, code, detail, and what else it says.
class Problem extends Error {
  constructor(status, document) {
    super(`${status} ${document.code}: ${document.detail}`)
    Object.assign(this, { status, document })
  }
}

// ask asks the server. A request that changes nothing, or counts once by its key, is repeated while that may help.
async function ask(method, path, { body, key, headers = {} } = {}) {
  if (token) headers.Authorization = `Bearer ${token}`
  if (key) headers['Idempotency-Key'] = key
  for (const pause of [200, 1000, 3000, null]) {
    try {
      return await send(method, server + path, body, headers)
    } catch (error) {
      const may = error instanceof Problem ? [502, 503, 504].includes(error.status) : key || method === 'GET'
      if (pause === null || !may) throw error
      await sleep(pause)
    }
  }
}

async function send(method, url, body, headers = {}) {
  const answer = await fetch(url, {
    method,
    body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
    signal: AbortSignal.timeout(60_000),
  })
  if (answer.ok) return answer.json()
  const somebodyElse = { code: `http_${answer.status}`, detail: answer.statusText }
  throw new Problem(answer.status, await answer.json().catch(() => somebodyElse))
}

// waiting gives the execution as soon as it waits at the node.
async function waiting(id, node) {
  for (;;) {
    const x = await ask('GET', `/v1/executions/${id}`)
    if (x.suspensions.some((s) => s.node === node)) return x
    if (!['pending', 'running', 'suspended'].includes(x.status)) {
      throw new Error(`execution ${id} is ${x.status}: ${x.error?.message}`)
    }
    await sleep(100)
  }
}

async function main(order) {
  const start = { input: { order_id: order } }
  const { execution_id: id } = await ask('POST', '/v1/workflows/order/executions', { body: start, key: `order-${order}` })

  // Workflows usually send the URL to whom it is for, in a mail for instance. It is good once, and needs no token.
  const { nodes } = await waiting(id, 'signed')
  await send('POST', nodes.find((run) => run.node === 'links').output.resume_url, { by: 'node' })

  // The event and the resume may come before the order waits for them: they are kept.
  const payment = { type: 'payment', data: { order_id: order, amount: 100 } }
  await ask('POST', '/v1/events', { body: payment, key: `payment-${order}` })
  const packed = { node: 'packed', data: { parcels: 2 } }
  await ask('POST', `/v1/executions/${id}:resume`, { body: packed, key: `packed-${order}` })

  // 409 when it is not over after half a minute: ask again.
  console.log(JSON.stringify(await ask('GET', `/v1/executions/${id}/output`, { headers: { Prefer: 'wait=30' } })))
}

try {
  if (process.argv.length !== 3) throw new Error('usage: node start.mjs ORDER_ID')
  await main(process.argv[2])
} catch (error) {
  console.error(`start.mjs: ${error.message} ${error.cause?.message ?? ''}`)
  process.exitCode = 1
}
