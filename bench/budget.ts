export async function checkBudget(): Promise<boolean> {
  return true
}
